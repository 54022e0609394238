"""Trackers and sync groups on real directors: what fails moves addresses."""

import signal
from pathlib import Path

from two_directors import configure, has, routers, states, two_directors, wait_for
from watching import child_pid

from trimaran.lab.host import wait_until

INSTANCE = """
vrrp_instance NAME {
  interface DEVICE
  virtual_router_id VRID
  priority PRIORITY
  version 3
  advert_int 0.2
  TRACKS
  virtual_ipaddress {
    ADDRESS/24
  }
}
"""


def instance(name: str, vrid: int, address: str, device: str = "eth1", tracks: str = "") -> str:
    text = INSTANCE.replace("NAME", name).replace("VRID", str(vrid)).replace("TRACKS", tracks)
    return text.replace("ADDRESS", address).replace("DEVICE", device)


def trackers(directory: Path) -> str:
    return f"""
global_defs {{
  script_user root
}}
vrrp_script well {{
  script "test -e {directory}/HOST-well"
  interval 0.1
  fall 2
}}
track_file load {{
  file {directory}/HOST-load
}}
vrrp_track_process sleeper {{
  process sleep {abs(hash(directory)) % 10**6}.HOST
  weight 100
}}
"""


def test_a_script_a_file_and_a_process_move_the_address(tmp_path: Path) -> None:
    for name in ("lb1-well", "lb2-well"):
        (tmp_path / name).touch()
    config = trackers(tmp_path) + instance(
        "a", 1, "192.168.1.10", tracks="track_script { well }\n track_file { load }"
    )
    with two_directors(config) as (lb1, lb2):
        wait_for(lb1, "MASTER")
        (tmp_path / "lb1-well").unlink()
        wait_for(lb1, "FAULT")
        wait_for(lb2, "MASTER")
        wait_until("lb2 has the address", lambda: has(lb2, "192.168.1.10"), 5)
        assert not has(lb1, "192.168.1.10")
        (tmp_path / "lb1-well").touch()
        wait_for(lb1, "MASTER")

        (tmp_path / "lb1-load").write_text("-60\n")
        wait_for(lb2, "MASTER")
        assert routers(lb1)["a"]["priority"] == 90
        assert "priority 150 -> 90: configured 150, file load holds -60: -60" in lb1.log
        (tmp_path / "lb1-load").write_text("0\n")
        wait_for(lb1, "MASTER")

        # The checker dies: what is known stays true, and its successor goes on watching.
        before = child_pid(lb1, "checker")
        lb1.send("trimaran.daemon checker", signal.SIGKILL)
        wait_until("a new checker", lambda: child_pid(lb1, "checker") not in (0, before), 5)
        assert states(lb1) == "MASTER"
        (tmp_path / "lb1-well").unlink()
        wait_for(lb1, "FAULT")


def test_one_cable_moves_the_whole_group_and_back(tmp_path: Path) -> None:
    config = "vrrp_sync_group g {\n group { inside outside }\n}\n"
    config += instance("outside", 1, "192.168.1.10") + instance("inside", 2, "10.2.0.10", "eth2")
    with two_directors(config) as (lb1, lb2):
        wait_for(lb1, "MASTER MASTER")
        wait_for(lb2, "BACKUP BACKUP")
        lb1.run(["ip", "link", "set", "eth2", "down"])
        wait_for(lb1, "FAULT FAULT")
        # The log is written by a thread: a busy machine may show the state first.
        line = "outside: MASTER -> FAULT: inside of its sync group: interface eth2"
        wait_until("the log says why", lambda: line in lb1.log, 10)
        # The other end of the cable has no carrier either.
        wait_for(lb2, "FAULT FAULT")
        lb1.run(["ip", "link", "set", "eth2", "up"])
        wait_for(lb1, "MASTER MASTER")

        lb1.run(["ip", "link", "set", "eth1", "down"])
        wait_for(lb2, "MASTER MASTER")
        wait_until(
            "lb2 has both",
            lambda: has(lb2, "192.168.1.10") and has(lb2, "10.2.0.10", "eth2"),
            5,
        )
        assert not has(lb1, "10.2.0.10", "eth2")
        lb1.run(["ip", "link", "set", "eth1", "up"])
        wait_for(lb1, "MASTER MASTER")
        wait_for(lb2, "BACKUP BACKUP")


def test_a_reload_that_groups_and_tracks_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "lb1-well").touch()
    (tmp_path / "lb2-well").touch()
    plain = trackers(tmp_path) + instance("a", 1, "192.168.1.10")
    more = plain.replace("version 3", "version 3\n track_script { well }") + instance(
        "b", 2, "10.2.0.10", "eth2"
    )
    more += "vrrp_sync_group g {\n group { a b }\n}\n"
    with two_directors(plain) as (lb1, lb2):
        wait_for(lb1, "MASTER")
        transitions = routers(lb1)["a"]["transitions"]
        for director in (lb1, lb2):
            configure(director, more)
            director.reload_service()
        wait_for(lb1, "MASTER MASTER")
        assert routers(lb1)["a"]["transitions"] == transitions
        (tmp_path / "lb1-well").unlink()
        wait_for(lb2, "MASTER MASTER")
        for director in (lb1, lb2):
            configure(director, plain)
            director.reload_service()
        wait_for(lb1, "MASTER")

"""Scripts and FIFOs of real directors: who is told what, in which order, under a storm too."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from two_directors import configure, states, two_directors, wait_for

from trimaran.lab.host import wait_until

CONFIG = """
global_defs {
  script_user root
  vrrp_notify_fifo DIRECTORY/HOST-fifo
  vrrp_notify_priority_changes
}
vrrp_sync_group g {
  group { a b }
  notify "DIRECTORY/notify DIRECTORY/HOST-group"
}
track_file load {
  file DIRECTORY/HOST-load
  weight 1
}
vrrp_instance a {
  interface eth1
  virtual_router_id 1
  priority PRIORITY
  version 3
  advert_int 0.2
  virtual_ipaddress {
    192.168.1.10/24
  }
  notify_master "DIRECTORY/notify DIRECTORY/HOST-a own-master"
  notify_fault "DIRECTORY/notify DIRECTORY/HOST-a own-fault"
  notify_stop "DIRECTORY/notify DIRECTORY/HOST-a own-stop"
  notify "DIRECTORY/notify DIRECTORY/HOST-a"
}
vrrp_instance b {
  interface eth2
  virtual_router_id 2
  priority PRIORITY
  version 3
  advert_int 0.2
  virtual_ipaddress {
    10.2.0.10/24
  }
  notify "DIRECTORY/slow DIRECTORY/HOST-b"
}
vrrp_instance alone {
  interface eth1
  virtual_router_id 3
  priority PRIORITY
  version 3
  advert_int 0.2
  virtual_ipaddress {
    192.168.1.12/24
  }
  track_file { load }
  notify_deleted "DIRECTORY/notify DIRECTORY/HOST-alone own-deleted"
}
"""


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\nlog=$1\nshift\n{body}\n")
    path.chmod(0o755)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def ended(told: list[str]) -> bool:
    return len(told) % 2 == 0 and told[-1:] == ["end FAULT"]


def wait_for_line(path: Path, line: str, seconds: float = 10) -> None:
    wait_until(f"'{line}' in {path.name}", lambda: line in lines(path), seconds)


def test_scripts_and_fifos(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    program(tmp_path / "notify", 'echo "$@" >> $log')
    program(tmp_path / "slow", 'echo "start $3" >> $log\nsleep 0.3\necho "end $3" >> $log')
    config = CONFIG.replace("DIRECTORY", str(tmp_path))
    with two_directors(config) as (lb1, lb2):
        wait_for(lb1, "MASTER MASTER MASTER")
        wait_for(lb2, "BACKUP BACKUP BACKUP")
        a, group, b = (tmp_path / f"lb1-{name}" for name in ("a", "group", "b"))
        wait_for_line(a, "INSTANCE a MASTER 150")
        assert lines(a) == ["INSTANCE a BACKUP 150", "own-master", "INSTANCE a MASTER 150"]
        wait_for_line(group, "GROUP g MASTER 0")
        assert lines(group) == ["GROUP g BACKUP 0", "GROUP g MASTER 0"]

        # A storm of changes: never two scripts at once, and the last state is told last.
        for _ in range(12):
            lb1.run(["ip", "link", "set", "eth2", "down"])
            lb1.run(["ip", "link", "set", "eth2", "up"])
        lb1.run(["ip", "link", "set", "eth2", "down"])
        wait_for(lb1, "FAULT FAULT MASTER")
        told = wait_until(
            "the last state is told", lambda: said if ended(said := lines(b)) else None, 10
        )
        assert [line.split()[0] for line in told] == ["start", "end"] * (len(told) // 2)
        assert [line.split()[1] for line in told[::2]] == [line.split()[1] for line in told[1::2]]
        wait_for_line(a, "own-fault")

        lb1.run(["ip", "link", "set", "eth2", "up"])
        wait_for(lb1, "MASTER MASTER MASTER")
        (tmp_path / "lb1-load").write_text("-5")
        fifo = tmp_path / "lb1-fifo"
        seen = ""

        def said(line: str) -> bool:
            nonlocal seen
            with suppress(BlockingIOError):
                seen += os.read(descriptor, 1 << 16).decode()
            return line in seen.splitlines()

        descriptor = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        try:
            wait_until("the priority", lambda: said('INSTANCE "alone" MASTER_PRIORITY 145'), 5)
        finally:
            os.close(descriptor)
        assert seen.splitlines()[:3] == [
            'INSTANCE "a" BACKUP 150',
            'INSTANCE "b" BACKUP 150',
            'INSTANCE "alone" BACKUP 150',
        ]
        assert 'GROUP "g" FAULT 0' in seen.splitlines()
        assert stat.S_ISFIFO(fifo.stat().st_mode)

        configure(lb1, config[: config.index("vrrp_instance alone")])
        lb1.reload_service()
        wait_for_line(tmp_path / "lb1-alone", "own-deleted")
        assert states(lb1) == "MASTER MASTER"
        lb1.stop_service()
        assert lines(a)[-2:] == ["own-stop", "INSTANCE a STOP 150"]
        assert lines(group)[-1] == "GROUP g STOP 0"
        assert not fifo.exists()
        wait_for(lb2, "MASTER MASTER MASTER")

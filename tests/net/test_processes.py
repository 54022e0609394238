"""The daemon's processes: started, killed in turn, stopped, reloaded; and what that costs."""

import itertools
import signal
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import pytest
from watching import (
    VIP,
    Watch,
    child_pid,
    curl,
    holds_vip,
    reconfigure,
    router,
    wait_for_state,
    watch,
)

from trimaran.daemon import rundir
from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.long_lived import Roll
from trimaran.lab.traffic import Traffic

# A client that keeps one connection open and sends a request on it every 50 ms.
LONG_LIVED = """
import http.client, signal, sys, time
def stop(*_): global end; end = 0
signal.signal(signal.SIGTERM, stop)
connection = http.client.HTTPConnection("192.168.1.10", timeout=5)
end = time.monotonic() + float(sys.argv[1])
answers = 0
while time.monotonic() < end:
    connection.request("GET", "/")
    connection.getresponse().read()
    assert connection.sock is not None, "the server closed the connection"
    answers += 1
    time.sleep(0.05)
print(answers)
"""


def longest_gap(wire: Watch, source: str = "192.168.1.101") -> float:
    """The longest time between two advertisements, in seconds."""
    times = [frame["time"] for frame in wire.frames(kind="vrrp", source=source)]
    return max(b - a for a, b in itertools.pairwise(times))


def xdp(director: LabHost) -> bool:
    return "xdp" in director.output(["ip", "link", "show", "dev", "eth1"])


def children(director: LabHost) -> list[int]:
    return director.pids("-m trimaran.daemon ")


@pytest.mark.parametrize("name", ["checker", "plane"])
def test_killing_a_child_costs_no_advertisement_and_no_connection(lab: Lab, name: str) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    before = child_pid(lb1, name)
    with watch(client) as wire, Traffic(client, IPv4Address(VIP)) as probe:
        connection = subprocess.Popen(
            client.command([sys.executable, "-c", LONG_LIVED, "6"]), stdout=subprocess.PIPE
        )
        wire.wait_for(2, 4, kind="vrrp")
        lb1.send(f"trimaran.daemon {name}", signal.SIGKILL)
        wait_until("a new child", lambda: child_pid(lb1, name) not in (0, before), 5)
        output, _ = connection.communicate(timeout=20)
        probe.stop()
        attempts = probe.attempts()
        gap = longest_gap(wire)
    assert connection.returncode == 0
    assert int(output) > 50
    assert [a for a in attempts if not a.ok] == []
    assert len(attempts) > 300
    assert gap < 1.1
    assert router(lb1)["transitions"] == 2  # to BACKUP at the start, to MASTER: no more
    assert router(lab.host("lb2"))["state"] == "BACKUP"


def test_killing_the_speaker_removes_the_address_at_once_and_loses_no_connection(lab: Lab) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    before = child_pid(lb1, "speaker")
    connection = subprocess.Popen(
        client.command([sys.executable, "-c", LONG_LIVED, "8"]), stdout=subprocess.PIPE
    )
    with watch(client) as wire:
        wire.wait_for(2, 4, kind="vrrp")
        killed = time.monotonic()
        lb1.send("trimaran.daemon speaker", signal.SIGKILL)
        wait_until("the address is gone", lambda: not holds_vip(lb1), 0.5)
        assert time.monotonic() - killed < 0.5
        wait_until("a new speaker", lambda: child_pid(lb1, "speaker") not in (0, before), 5)
        wait_until("the address is back", lambda: holds_vip(lb1), 5)
        output, _ = connection.communicate(timeout=30)
        gap = longest_gap(wire)
    assert connection.returncode == 0
    assert int(output) > 40
    # It goes on as master: nobody else has become master, and the gap is short of any backup's
    # master-down interval.
    assert gap < 3
    assert wire.frames(kind="vrrp", source="192.168.1.102") == []


def test_a_child_that_hangs_is_killed_and_started_again(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    before = child_pid(lb1, "checker")
    lb1.send("trimaran.daemon checker", signal.SIGSTOP)
    wait_until("a new checker", lambda: child_pid(lb1, "checker") not in (0, before), 10)
    assert "is silent for" in lb1.log
    assert router(lb1)["transitions"] == 2


def test_programs_of_a_killed_checker_do_not_outlive_it(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    misc = "MISC_CHECK {\n misc_path \"/bin/sh -c 'sleep 987; true'\"\n misc_timeout 990\n }\n"
    reconfigure(lb1, ("TCP_CHECK {", f"{misc} TCP_CHECK {{"))
    lb1.reload_service()
    wait_until("the program and what it has started", lambda: len(lb1.pids("sleep 987")) == 2, 5)
    before = child_pid(lb1, "checker")
    left = lb1.pids("sleep 987")
    lb1.send("trimaran.daemon checker", signal.SIGKILL)
    wait_until("none of them is left", lambda: not {*left} & {*lb1.pids("sleep 987")}, 5)
    assert "killed 1 programs of checks that the checker left" in lb1.log
    wait_until("a new checker", lambda: child_pid(lb1, "checker") not in (0, before), 5)


def test_when_the_steward_is_killed_the_children_clean_up(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    with watch(lab.host("client")) as wire:
        wire.wait_for(1, 3, kind="vrrp")
        service = lb1.service
        assert service is not None
        lb1.send(" run -f ", signal.SIGKILL)
        wait_until("the children end", lambda: children(lb1) == [], 2)
        wire.wait_for(1, 1, kind="vrrp", priority=0)
    assert not holds_vip(lb1)
    assert not xdp(lb1)
    lb1.start_service()
    wait_for_state(lb1, "MASTER", 12)
    assert set(curl(lab.host("client"), 2)) == {"RealServer 1", "RealServer 2"}


def test_what_a_power_cut_left_in_the_kernel_is_taken_over_or_removed(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    curl(lab.host("client"), 4)
    lb1.kill()
    assert holds_vip(lb1)
    assert xdp(lb1)
    wait_for_state(lab.host("lb2"), "MASTER")
    # The configuration has changed meanwhile: what was left is not in it any more.
    reconfigure(lb1, (f"{VIP}/24 dev eth1 label eth1:10", "192.168.1.99/24"))
    lb1.join_link()
    lb1.start_service()
    wait_until("the stale address is gone", lambda: not holds_vip(lb1), 2)
    assert f"removed {VIP}/24 from eth1: left behind" in lb1.log
    wait_until("taken over", lambda: "taken over with what it held" in lb1.log, 5)
    assert lb1.output(["trimaran", "ipvsadm", "-Lnc"]).count("FIN_WAIT") == 4


def test_with_every_process_killed_forwarding_goes_on_and_the_next_start_goes_on_with_it(
    bare_lab: Lab,
) -> None:
    lb1, client = bare_lab.host("lb1"), bare_lab.host("client")
    reconfigure(lb1, ("virtual_router_id 1", "virtual_router_id 1\n  version 3\n  advert_int 0.2"))
    for name in ("web1", "web2", "lb1"):
        bare_lab.host(name).start_service()
    wait_for_state(lb1, "MASTER")
    wait_until("both servers are in service", lambda: len(set(curl(client, 2))) == 2, 10)
    command = [sys.executable, "-m", "trimaran.lab.long_lived", VIP, "6", "0", ""]
    talk = client.start(command, Path("long-lived.log"))

    def rolls() -> list[Roll]:
        lines = (client.directory / "long-lived.log").read_text().splitlines()
        return [msgspec.json.decode(line, type=Roll) for line in lines]

    def open_ones() -> list[str]:
        listing = lb1.output(["trimaran", "ipvsadm", "-Lnc"]).splitlines()
        return sorted(line.split(maxsplit=2)[2] for line in listing if "ESTABLISHED" in line)

    wait_until("all are open", rolls, 20)
    wait_until("lb1 has them", lambda: len(open_ones()) == 6, 20)
    before = open_ones()
    lb1.send("", signal.SIGSTOP)  # none sees another one die, and cleans up
    lb1.send("", signal.SIGKILL)
    wait_until("all are gone", lambda: not (lb1.pids() or lb1.service), 10)
    talk.send_signal(signal.SIGUSR1)
    wait_until("all were asked", lambda: len(rolls()) == 2, 40)
    assert set(curl(client, 4)) == {"RealServer 1", "RealServer 2"}, "new ones, with nobody there"
    assert open_ones() == before

    lb1.start_service()
    wait_for_state(lb1, "MASTER")
    assert "taken over with what it held" in lb1.log
    assert open_ones() == before
    talk.send_signal(signal.SIGUSR1)
    wait_until("all were asked again", lambda: len(rolls()) == 3, 40)
    talk.send_signal(signal.SIGTERM)
    talk.wait(20)
    assert [(roll.opened, roll.lost) for roll in rolls()] == [(6, 0)] * 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_says_so_and_leaves_nothing_within_a_second(
    lab: Lab, number: signal.Signals
) -> None:
    lb1 = lab.host("lb1")
    run_directory = rundir.ROOT / f"netns-{lb1.inode}"
    assert (run_directory / "control.sock").exists()
    with watch(lab.host("client")) as wire:
        begin = time.monotonic()
        status = lb1.stop_service(number)
        took = time.monotonic() - begin
        wire.wait_for(1, 1, kind="vrrp", priority=0)
    assert status == 0
    assert took < 1.0
    assert not holds_vip(lb1)
    assert not xdp(lb1)
    assert children(lb1) == []
    assert not run_directory.exists()
    wait_for_state(lab.host("lb2"), "MASTER", 2)


def test_a_second_daemon_in_the_namespace_is_refused(module_lab: Lab) -> None:
    lb1 = module_lab.host("lb1")
    done = lb1.run(["trimaran", "run", "-f", str(lb1.directory / "trimaran.conf")])
    assert done.returncode == 1
    assert "runs on it already" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert router(lb1)["state"] == "MASTER"


def test_status_for_people_and_without_a_daemon(module_lab: Lab) -> None:
    shown = module_lab.host("lb1").output(["trimaran", "status"])
    assert "ip1" in shown
    assert "MASTER" in shown
    assert "192.168.1.201:80" in shown
    done = module_lab.host("client").run(["trimaran", "status"])
    assert done.returncode == 1
    assert "no trimaran daemon runs here" in done.stderr


def test_reloading_a_bad_file_changes_nothing_and_says_why(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    listing = lb1.output(["trimaran", "ipvsadm", "-Ln"])
    before = router(lb1)
    reconfigure(lb1, ("priority 100", "priority 256"))
    lb1.reload_service()
    wait_until("the refusal", lambda: "reload refused" in lb1.log, 3)
    assert "trimaran.conf:5:12: error: " in lb1.log
    assert "Traceback" not in lb1.log
    time.sleep(1.2)
    assert lb1.output(["trimaran", "ipvsadm", "-Ln"]) == listing
    after = router(lb1)
    assert (after["state"], after["priority"], after["transitions"]) == (
        "MASTER",
        100,
        before["transitions"],
    )


def test_a_reload_takes_effect_and_connections_go_on(lab: Lab) -> None:
    lb1, lb2, client = lab.host("lb1"), lab.host("lb2"), lab.host("client")
    with watch(client) as wire:
        wire.wait_for(1, 3, kind="vrrp")
        connection = subprocess.Popen(
            client.command([sys.executable, "-c", LONG_LIVED, "4"]), stdout=subprocess.PIPE
        )
        time.sleep(0.5)
        reconfigure(lb1, ("weight 1\n", "weight 5\n"))
        reconfigure(lb1, (f"{VIP}/24 dev eth1 label eth1:10",
                          f"{VIP}/24 dev eth1 label eth1:10\n 192.168.1.12/24"))  # fmt: skip
        lb1.reload_service()
        wait_until("the reload", lambda: "the new configuration is in force" in lb1.log, 3)
        wait_until(
            "the new weights",
            lambda: lb1.output(["trimaran", "ipvsadm", "-Ln"]).count("Route   5") == 2,
            3,
        )
        output, _ = connection.communicate(timeout=20)
        gap = longest_gap(wire)
    assert connection.returncode == 0
    assert int(output) > 40
    assert gap < 1.1
    assert "192.168.1.12/24" in lb1.output(["ip", "address", "show", "dev", "eth1"])
    # Priority 10 is less than lb2's 50: the VIP moves.
    reconfigure(lb1, ("priority 100", "priority 10"))
    lb1.reload_service()
    wait_for_state(lb2, "MASTER", 8)
    wait_for_state(lb1, "BACKUP", 3)


def test_a_reload_that_changes_nothing_touches_nothing(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    lb1.reload_service()
    wait_until("the reload", lambda: "nothing has changed" in lb1.log, 3)
    assert router(lb1)["transitions"] == 2


def test_advertisements_are_on_time_under_load(lab: Lab) -> None:
    """Four busy loops and a listing in a loop on two processors, for five seconds."""
    lb1, client = lab.host("lb1"), lab.host("client")
    hog = "import time\nend = time.monotonic() + 5\nwhile time.monotonic() < end: pass"
    with watch(client) as wire:
        wire.wait_for(1, 3, kind="vrrp")
        hogs = [lb1.start([sys.executable, "-c", hog]) for _ in range(4)]
        for _ in range(3):
            lb1.output(["trimaran", "ipvsadm", "-Lnc"])
        for process in hogs:
            process.wait(timeout=30)
        gap = longest_gap(wire)
    assert gap < 1.1
    assert router(lb1)["worst_lateness_us"] < 50_000


def test_json_logs(lab: Lab, tmp_path: Path) -> None:
    lb1 = lab.host("lb1")
    lb1.stop_service()
    process = lb1.start(
        ["trimaran", "run", "--log-format", "json", "-f", str(lb1.directory / "trimaran.conf")],
        Path("json.out"),
    )
    log = lb1.directory / "json.out"
    wait_until("it runs", lambda: '"message": "running"' in log.read_text(), 8)
    process.terminate()
    assert process.wait(5) == 0
    assert all(line.startswith('{"time": "20') for line in log.read_text().splitlines())

"""Under a service manager, and on a machine that lacks what the daemon needs."""

import signal
import socket
import subprocess
from pathlib import Path

from watching import wait_for_state

from trimaran.lab.host import ENVIRONMENT, wait_until
from trimaran.lab.lab import Lab


def test_the_service_manager_is_told_of_start_reload_and_stop(lab: Lab, tmp_path: Path) -> None:
    lb1 = lab.host("lb1")
    lb1.stop_service()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        daemon = subprocess.Popen(
            lb1.command(["trimaran", "run", "-f", str(lb1.directory / "trimaran.conf")]),
            env=ENVIRONMENT
            | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"},
            stderr=subprocess.DEVNULL,
        )

        def hear(wanted: bytes) -> None:
            while wanted not in manager.recv(200):
                pass

        try:
            hear(b"READY=1")
            hear(b"WATCHDOG=1")
            hear(b"WATCHDOG=1")
            daemon.send_signal(signal.SIGHUP)
            hear(b"RELOADING=1")
            hear(b"READY=1")
            daemon.terminate()
            hear(b"STOPPING=1")
            assert daemon.wait(5) == 0
        finally:
            daemon.kill()
            daemon.wait()


def test_a_kernel_that_refuses_bpf_is_said_and_changes_nothing(bare_lab: Lab) -> None:
    lb1 = bare_lab.host("lb1")
    before = lb1.output(["ip", "-4", "address"])
    drop = ["setpriv", "--bounding-set", "-bpf,-sys_admin,-perfmon"]
    run = ["trimaran", "run", "-f", str(lb1.directory / "trimaran.conf")]
    done = lb1.run(drop + run, timeout=20)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [problem] = [line for line in done.stderr.splitlines() if " error   plane: " in line]
    assert problem.endswith("(BPF needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)")
    assert lb1.output(["ip", "-4", "address"]) == before
    assert "xdp" not in lb1.output(["ip", "link", "show", "dev", "eth1"])


def test_an_interface_that_disappears_and_comes_back(lab: Lab) -> None:
    """The veth pair is deleted and made again under the running director."""
    lb1 = lab.host("lb1")
    lan = f"{lab.prefix}-lan"
    lb1.output(["ip", "link", "delete", "eth1"])
    wait_for_state(lb1, "FAULT", 3)
    wait_for_state(lab.host("lb2"), "MASTER")
    for command in (
        f"link add eth1 netns {lb1.namespace} type veth peer name lb1 netns {lan}",
        f"-n {lan} link set lb1 up",
        f"-n {lb1.namespace} address add 192.168.1.101/24 dev eth1",
        f"-n {lb1.namespace} link set eth1 up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    bridge = lab.host("lb2")  # the bridge's name is whatever lb2's port is in
    ports = subprocess.run(
        ["ip", "-n", lan, "-o", "link", "show", "dev", bridge.name],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    master = ports.split(" master ")[1].split()[0]
    subprocess.run(["ip", "-n", lan, "link", "set", "lb1", "master", master], check=True)
    wait_for_state(lb1, "MASTER", 10)
    wait_for_state(lab.host("lb2"), "BACKUP", 5)
    client = lab.host("client")
    answers = set[str]()

    def both_answer() -> bool:
        answers.add(client.output(["curl", "-s", "-m", "4", "http://192.168.1.10/"]))
        return answers == {"RealServer 1\n", "RealServer 2\n"}

    # While there was no interface the checks failed: a server is back after its next success.
    wait_until("both servers answer", both_answer, 8)

"""Golden sessions of the real ipvsadm, played by ours on kernel IPVS with real packets."""

import io
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from golden_bench import Bench
from golden_ipvsadm import Session, Step, look_back, look_up, masked, session, sessions

from trimaran.cli.ipvsadm import listing
from trimaran.cli.ipvsadm.help import usage
from trimaran.cli.ipvsadm.main import main

ALIAS = Path(sys.executable).with_name("trimaran-ipvsadm")
SPAWNED = "31-unprivileged"
"""The session that a process of its own plays each command of (it takes seconds for each)."""

KERNELS_OWN = "cat /proc/"


@pytest.fixture
def bench() -> Iterator[Bench]:
    listing.host_name.cache_clear()
    with Bench("golden-") as bench, bench.inside():
        yield bench


@pytest.mark.parametrize("name", [name for name in sessions() if name != SPAWNED])
def test_session(name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(socket, "gethostbyname", look_up)
    monkeypatch.setattr(socket, "gethostbyaddr", look_back)

    def run(arguments: list[str], lines: io.StringIO) -> int:
        if "--stats" in arguments or "--rate" in arguments:
            time.sleep(2.3)  # the kernel sums up every two seconds
        return main(["--dataplane", "ipvs", *arguments], lines=lines)

    player = Session(run, bench.inject, tmp_path)
    for step in session(name):
        if step.command.startswith(KERNELS_OWN):
            continue
        assert masked(player.run(step)) == masked(step)


def test_session_spawned(bench: Bench) -> None:
    for step in session(SPAWNED):
        words = step.command.split()
        place = words.index("ipvsadm")
        command = [*words[:place], str(ALIAS), *words[place + 1 :]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        got = Step(SPAWNED, step.command, done.stdout, done.stderr, done.returncode)
        assert got == step


def test_what_ipvsadm_prints_of_what_we_have_done(bench: Bench) -> None:
    """The real ipvsadm and ours agree on what golden sessions lack."""
    # To look names up elsewhere would take seconds each. (The VM's disk forgets this.)
    Path("/etc/nsswitch.conf").write_text("hosts: files\nservices: files\n")
    rules = [
        "-A -f 3 -6 -s mh -b mh-fallback,mh-port -p 77 -M 48",
        "-a -f 3 -6 -r [2001:db8:1::101]:80 -w 3 -x 9 -y 4",
        "-A -f 3000000000 -s sh -b flag-3",
        "-a -f 3000000000 -r 192.168.1.101:80 -m",
        "-A -u 192.168.1.10:53 -s rr -o",
        "-A -u 192.168.1.10:5060 -s rr -p 60 --pe sip -o -b flag-1,flag-3",
        "-a -u 192.168.1.10:5060 -r [2001:db8:1::101]:5060 -i --tun-type gue --tun-port 6080",
        "-a -u 192.168.1.10:5060 -r 192.168.1.102 -i --tun-type gre --tun-csum",
    ]
    for rule in rules:
        assert main(["--dataplane", "ipvs", *rule.split()]) == 0, rule
    for arguments in (
        *("-Ln", "-L", "-Sn", "-S", "-Ln --tun-info", "-Ln --thresholds", "-Ln --persistent-conn"),
        *("-Ln --stats", "-Ln --rate --exact", "-Ln -f 3 -6", "-L --timeout", "-L --daemon"),
    ):
        compare(arguments)
    mixed = "-d -u 192.168.1.10:5060 -r [2001:db8:1::101]:5060"
    master = "--start-daemon master --mcast-interface eth1 --syncid 7"
    backup = "--start-daemon backup --mcast-interface eth1 --mcast-group ff02::9 --mcast-port 99"
    for command in (mixed, master, backup):
        assert main(["--dataplane", "ipvs", *command.split()]) == 0, command
    compare("-L --daemon")
    for refused in (master, "--stop-daemon master --syncid 256", "-e -f 3 -r 192.168.1.9"):
        compare(refused)


def compare(arguments: str) -> None:
    real = subprocess.run(
        ["ipvsadm", *arguments.split()], capture_output=True, text=True, check=False
    )
    ours = Session(
        lambda words, lines: main(["--dataplane", "ipvs", *words], lines=lines),
        lambda words: None,
        Path("/tmp"),
    ).run(Step("", f"ipvsadm {arguments}", "", "", 0))
    assert (ours.stdout, ours.stderr, ours.status) == (real.stdout, real.stderr, real.returncode)


def test_help_names_every_option_of_the_real_one() -> None:
    """The text is our own; the golden sessions lack ipvsadm's."""
    real = subprocess.run(["ipvsadm", "-h"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", real))
    assert {"-A", "--mcast-ttl", "--tun-remcsum"} <= options, real
    assert options <= set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", usage("ipvsadm")))


@pytest.mark.parametrize(
    ("bad", "applied"),
    [
        ("-A -t 192.168.1.10:99999 -s rr", 699),  # a mistake: what is before it stays done
        ("-A -t 192.168.1.10:1001 -s rr", 999),  # refused, as it exists: the next ones are done
        ("-A -t 192.168.1.10:1700 -s nonesuch", 999),
    ],
)
def test_a_bad_line_among_a_thousand(bench: Bench, bad: str, applied: int) -> None:
    """It stops where the real one stops, and says which line it was."""
    lines = [f"-A -t 192.168.1.10:{port} -s rr" for port in range(1001, 2001)]
    lines[699] = bad
    rules = "".join(f"{line}\n" for line in lines)
    real = subprocess.run(["ipvsadm", "-R"], input=rules, capture_output=True, text=True)
    left = kernels_services()
    assert len(left) == applied
    subprocess.run(["ipvsadm", "-C"], check=True)
    err = io.StringIO()
    with redirect_stderr(err):
        status = main(["--dataplane", "ipvs", "-R"], lines=io.StringIO(rules))
    assert status == real.returncode
    assert err.getvalue() == f"{real.stderr}line 700: {bad}\n"
    assert kernels_services() == left


def kernels_services() -> set[str]:
    return set(
        subprocess.run(["ipvsadm", "-Sn"], capture_output=True, text=True).stdout.split("\n")[:-1]
    )

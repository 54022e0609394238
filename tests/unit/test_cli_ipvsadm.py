"""The command line of `trimaran ipvsadm` against golden sessions of the real ipvsadm."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner
from golden_ipvsadm import Step, connections, counted_services, services, steps

from trimaran.cli import ipvsadm as command
from trimaran.dataplane.base import Connection, DataplaneError, ServiceView, Timeouts

SERVICES = """\
TCP  192.168.1.10:80 rr
  -> 192.168.1.202:80             Route   1      0          5
  -> 192.168.1.201:80             Route   1      0          5
UDP  192.168.1.10:53 rr
"""


@dataclass
class Held:
    """A dataplane that holds just this."""

    held: Sequence[ServiceView] = field(default_factory=lambda: services(SERVICES))
    entries: Sequence[Connection] = ()

    def services(self) -> Sequence[ServiceView]:
        return self.held

    def connections(self) -> Sequence[Connection]:
        return self.entries

    def timeouts(self) -> Timeouts:
        return Timeouts()

    def connection_table_size(self) -> int:
        return 4096


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.os, "geteuid", lambda: 0)


Output = tuple[str, str, int]


def run(capsys: pytest.CaptureFixture[str], line: str, view: Held | None = None) -> Output:
    status = command.main(line.split(), lambda: view or Held())
    captured = capsys.readouterr()
    return captured.out, captured.err, status


def golden_errors() -> list[Step]:
    """What goes wrong in golden sessions with listings, or before the command is known."""
    listings = ("ipvsadm -L", "ipvsadm -t", "ipvsadm -x", "ipvsadm foo", "ipvsadm --nope")
    return [
        step
        for step in steps()
        if step.status and step.command.startswith(listings) and "unprivileged" not in step.session
    ]


@pytest.mark.parametrize("step", golden_errors(), ids=str)
def test_errors_have_the_text_and_the_status_of_ipvsadm(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, " ".join(step.arguments)) == ("", step.stderr, step.status)


def listings() -> list[Step]:
    commands = ("-Ln", "-Ln --nosort", "-Ln --sort", "-Ln --sort --nosort", "-Lnc")
    return [
        step
        for step in steps(*(f"ipvsadm {arguments}" for arguments in commands))
        if "persistent" not in step.stdout and "NONE" not in step.stdout
    ]


@pytest.mark.parametrize("step", listings(), ids=str)
def test_listings(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    connected = "c" in step.arguments[0]
    view = Held(entries=connections(step.stdout)) if connected else Held(held=services(step.stdout))
    assert run(capsys, " ".join(step.arguments), view) == (step.stdout, "", 0)


@pytest.mark.parametrize("step", steps("ipvsadm -Ln --stats", "ipvsadm -Ln --rate"), ids=str)
def test_counters(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    view = Held(held=counted_services(step.stdout))
    assert run(capsys, " ".join(step.arguments), view) == (step.stdout, "", 0)


@pytest.mark.parametrize(
    "line",
    [
        "-Ln -t 192.168.1.10:80",
        "-Lnt 192.168.1.10:80",
        "-Lnt192.168.1.10:80",
        "-l --numeric --tcp-service=192.168.1.10:http",
        "--list -n --tcp-service 192.168.1.10:80",
        "-Ln -t 192.168.266:80",
    ],
)
def test_one_service_however_it_is_written(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err, status = run(capsys, line)
    assert (err, status) == ("", 0)
    assert [row.split()[1] for row in out.splitlines()[2:]] == [
        "192.168.1.10:80",
        "192.168.1.201:80",
        "192.168.1.202:80",
    ]


@pytest.mark.parametrize(
    ("line", "err", "status"),
    [
        ("-L -t", "-t: missing argument", 255),
        ("-Lt", "-Lt: missing argument", 255),
        ("-LnQ", "-LnQ: unknown option", 255),
        ("-L --num", "--num: unknown option", 255),
        ("-L --numeric=1", "--numeric=1: option does not take an argument", 255),
        ("-L extra", "unexpected argument extra", 2),
        ("-L -- -n", "unexpected argument -n", 2),
        ("-L -t 80", "illegal virtual server address[:port] specified", 2),
        ("-L -t :80", "illegal virtual server address[:port] specified", 2),
        ("-L -t 192.168.1.300:80", "illegal virtual server address[:port] specified", 2),
        ("-L -t 192.168.1.10:99999", "illegal virtual server address[:port] specified", 2),
        ("-L -t 192.168.1.10:nosuchservice", "illegal virtual server address[:port] specified", 2),
        ("-L -t 192.168.1.10:80 -u 1.2.3.4:5", "multiple 'service-address' options specified", 2),
        ("-L -u 192.168.1.10:80", "No such service", 1),
        ("-L -w 1", "Illegal 'weight' option with the 'list' command", 2),
        ("-L -g", "Illegal 'forwarding-method' option with the 'list' command", 2),
        ("-L --thresholds", "not supported yet: --thresholds", 2),
        ("-L --daemon", "not supported yet: --daemon", 2),
        ("-L -f 3", "not supported yet: --fwmark-service", 2),
        (
            "-A -t 192.168.1.10:80 -s rr",
            "not supported yet: -A (add-service); try 'trimaran ipvsadm -h'",
            2,
        ),
        ("--set 1 2 3", "not supported yet: --set (set); try 'trimaran ipvsadm -h'", 2),
    ],
)
def test_what_is_refused(
    line: str, err: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, line) == ("", f"{err}\n", status)


def test_exact_timeouts_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    expected = "Timeout (tcp tcpfin udp): 900 120 300\n"
    assert run(capsys, "-L --timeout -n") == (expected, "", 0)
    assert run(capsys, "--help")[0].startswith("Usage: trimaran ipvsadm")


def test_no_arguments_list_and_names_are_looked_up_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def look_up(address: str) -> tuple[str, list[str], list[str]]:
        asked.append(address)
        if address != "192.168.1.10":
            raise socket.herror(1, "Unknown host")
        return "vip.example.test", [], []

    monkeypatch.setattr(socket, "gethostbyaddr", look_up)
    out, err, status = run(capsys, "")
    assert (err, status) == ("", 0)
    assert "TCP  vip.example.test:http rr\n  -> 192.168.1.201:http " in out
    assert "UDP  vip.example.test:domain rr\n" in out
    assert len(asked) == len(set(asked)) + 1, "the VIP once for each of its two services"


def test_without_a_dataplane(capsys: pytest.CaptureFixture[str]) -> None:
    def none() -> Held:
        raise DataplaneError("no trimaran dataplane in this network namespace")

    assert command.main(["-Ln"], none) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first == "Can't initialize ipvs: no trimaran dataplane in this network namespace"
    assert "trimaran run" in hint


def test_without_root(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.os, "geteuid", lambda: 65534)
    (golden,) = steps(
        "setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all ipvsadm -Ln"
    )
    _, err, status = run(capsys, "-Ln")
    assert err == golden.stderr.splitlines(keepends=True)[0]
    assert status == golden.status


def test_click_leaves_every_word_to_ipvsadm(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        seen.append(arguments)
        return 3

    monkeypatch.setattr(command, "main", main)
    words = ["-Lnc", "--help", "foo", "--stats", "-x"]
    assert CliRunner().invoke(command.ipvsadm, words).exit_code == 3
    assert seen == [words]

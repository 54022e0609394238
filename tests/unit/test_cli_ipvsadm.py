"""The command line of `trimaran ipvsadm`: what golden sessions do not show.

Expectations are what ipvsadm 1.31 did when it was asked; `tests/interop` asks it again.
"""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_ipvs import FakeIpvs

from trimaran.cli.ipvsadm import command
from trimaran.cli.ipvsadm.main import main
from trimaran.cli.ipvsadm.options import UsageError
from trimaran.cli.ipvsadm.request import Request, read
from trimaran.dataplane.base import DataplaneError, Persistence, Refused, Settings, SyncRole
from trimaran.dataplane.steps import Operator
from trimaran.model.service import (
    FALLBACK,
    HASH_PORT,
    Forwarding,
    Protocol,
    ServerKey,
    ServiceKey,
    TunnelChecksum,
    TunnelType,
)


def asked(line: str) -> Request:
    return read(line.split(), "ipvsadm")


def refusal(words: list[str]) -> tuple[str, int]:
    with pytest.raises(UsageError) as caught:
        read(words, "ipvsadm")
    return str(caught.value), caught.value.status


TRY = ("Try `ipvsadm -h' or 'ipvsadm --help' for more information.", 255)
ILLEGAL = ("illegal virtual server address[:port] specified", 2)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- -L", ("unexpected argument -", 2)),
        ("foo -C", ("unexpected argument foo", 2)),
        ("-", TRY),
        ("--numeric", TRY),
        ("--list=3", TRY),
        ("--start-daemon", TRY),
        ("-Ln5", ("-Ln5: unknown option", 255)),
        ("-L -n=", ("-n=: option does not take an argument", 255)),
        ("-L --timeout=3", ("--timeout=3: option does not take an argument", 255)),
        ("-At", ("-At: missing argument", 255)),
        ("-A --tcp-service", ("--tcp-service: missing argument", 255)),
        ("-LnLn", ("invalid option `-LnLn'", 2)),
        ("-A -t 1.2.3.4:80 --start-daemon foo", ("invalid option `foo'", 2)),
        ("-A --help", ("invalid option `--help'", 2)),
        ("-L -- x", ("unexpected argument x", 2)),
        ("--start-daemon foo", ("illegal start-daemon parameter specified", 2)),
        ("--stop-daemon foo", ("illegal start_daemon specified", 2)),
        ("-A -6 -f 3", ("-6 used before -f\n", 2)),
        ("-C -6", ("-6 used before -f\n", 2)),
        ("-A -f 0x10", ("invalid fwmark value `0x10' specified", 2)),
        ("-A -t 1.2.3.4:80 -p=", ("invalid timeout value `' specified", 2)),
        ("-A -b bad x", ("unexpected argument x", 2)),
        ("-L -b x", ("invalid scheduler flag `x'", 2)),
        ("-A -t 1.2.3.4:80 -b sh-port", ("incompatible scheduler flag `sh-port'", 2)),
        ("-A -w 5", ("You need to supply the 'service-address' option for the "
                     "'add-service' command", 2)),
        ("-a -n", ("Illegal 'numeric' option with the 'add-server' command", 2)),
        ("-A -u 1.2.3.4 -o", ("Zero port specified for non-persistent service", 2)),
        ("-A -t [1.2.3.4]:80", ("Zero port specified for non-persistent service", 2)),
        ("-A -t [::1] -p", ILLEGAL),
        ("-A -t 1.2.3.4: -p", ILLEGAL),
        ("-A -u 1.2.3.4:http", ILLEGAL),
        ("-a -r 10.0.0.1:domain -u 1.2.3.4:53",
         ("illegal real server address[:port] specified", 2)),
        ("-a -t [::1]:80 -r 10.0.0.1 --tun-type gue",
         ("Different address family is allowed only for tunneling servers", 2)),
        ("-a -t 1.2.3.4:80 -r 10.0.0.1 -i --tun-port 5",
         ("Illegal 'tun-port' option with the 'ipip' tunnel type", 2)),
        ("-a -t 1.2.3.4:80 -r 10.0.0.1 -gm", ("multiple 'forwarding-method' options specified", 2)),
        ("--set 2678401 1 1 9", ("invalid timeout value `2678401' specified", 2)),
        ("--start-daemon master --mcast-group a:c", ("invalid IPv6 mcast-group `a:c'", 2)),
        ("--start-daemon master --sync-maxlen 65508", ("illegal sync-maxlen specified", 2)),
    ],
)  # fmt: skip
def test_what_is_refused(line: str, expected: tuple[str, int]) -> None:
    assert refusal(line.split()) == expected


@pytest.mark.parametrize(
    "words",
    [["-A", "-t", "\0", "-p"], ["-A", "-t", "a" * 300, "-p"], ["-A", "-t", "\udcff:80"]],
)
def test_words_that_nobody_means_are_refused_in_words(words: list[str]) -> None:
    assert refusal(words) == ILLEGAL


def test_a_service_with_everything() -> None:
    request = asked("-Af3 -6 -smh -p50 -M 64 -b mh-port,mh-fallback --pe=sip -o")
    assert request.service == ServiceKey.marked(3, ipv6=True)
    assert request.settings == Settings(
        "mh", FALLBACK | HASH_PORT, Persistence(50, 64), True, "sip"
    )


def test_what_is_left_out_is_as_by_default() -> None:
    request = asked("-E -t 1.2.3.4:http -p")
    assert request.service == ServiceKey(Protocol.TCP, ip_address("1.2.3.4"), 80)
    assert request.settings == Settings("wlc", persistence=Persistence(360, 2**32 - 1))


def test_the_port_of_a_server() -> None:
    def port(line: str) -> int:
        return asked(line).destination.key.port

    assert port("-a -t 1.2.3.4:80 -r 10.0.0.1:81") == 80, "it cannot be changed"
    assert port("-a -t 1.2.3.4:80 -r 10.0.0.1:81 -m") == 81
    assert port("-a -t 1.2.3.4:80 -r 10.0.0.1 -m") == 80
    assert port("-a -r 10.0.0.1 -t 1.2.3.4:80 -m") == 0, "the service was not known yet"
    assert port("-a -f 3 -r 10.0.0.1:81") == 81
    assert port("-d -t 1.2.3.4:80 -r 10.0.0.1:81") == 81


def test_a_server_behind_a_tunnel() -> None:
    destination = asked(
        "-e -t [::1]:80 -r 10.1 -i -w 0 -x 9 -y 4 --tun-type gue --tun-port 6080 --tun-remcsum"
    ).destination
    assert destination.key == ServerKey(ip_address("10.0.0.1"), 80)
    assert destination.forwarding is Forwarding.TUNNEL
    assert (destination.weight, destination.upper_threshold, destination.lower_threshold) == (
        0,
        9,
        4,
    )
    tunnel = destination.tunnel
    assert (tunnel.type, tunnel.port, tunnel.checksum) == (
        TunnelType.GUE,
        6080,
        TunnelChecksum.REMOTE,
    )


def test_a_synchronisation_daemon() -> None:
    daemon = asked("--start-daemon=backup --syncid 5 --mcast-group ff02::9 --mcast-ttl 3").daemon
    assert daemon.role is SyncRole.BACKUP
    assert (daemon.interface, daemon.syncid, daemon.ttl) == ("eth0", 5, 3)
    assert daemon.group == ip_address("ff02::9")


# The program


def run(fake: FakeIpvs, line: str, lines: str = "") -> int:
    @contextmanager
    def opened(dataplane: str, run_directory: Path | None) -> Iterator[Operator]:
        yield fake

    return main(line.split(), open_dataplane=opened, lines=io.StringIO(lines))


Capture = pytest.CaptureFixture[str]


def test_daemons_start_once_and_stop(capsys: Capture) -> None:
    fake = FakeIpvs()
    start = "--start-daemon master --mcast-interface eth1"
    assert [run(fake, start), run(fake, start)] == [0, 255]
    assert run(fake, "--start-daemon backup") == 255
    assert run(fake, "-L --daemon") == 0
    stop = "--stop-daemon master"
    assert [run(fake, stop), run(fake, stop)] == [0, 255]
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "Daemon has already run",
        "No such device",
        "No daemon is running",
    ]
    assert captured.out.startswith("master sync daemon (mcast=eth1, syncid=0, maxlen=1472, ")


RULES = [f"-A -t 10.0.{n >> 8}.{n & 255}:80 -s rr" for n in range(1000)]


def test_a_line_to_restore_that_makes_no_sense_is_named_and_ends_it(capsys: Capture) -> None:
    rules = [*RULES[:699], "-A -t 10.0.0.300:80 -s rr", *RULES[700:]]
    fake = FakeIpvs()
    assert run(fake, "-R", "\n".join(rules)) == 2
    assert capsys.readouterr().err == (
        "illegal virtual server address[:port] specified\nline 700: -A -t 10.0.0.300:80 -s rr\n"
    )
    assert len(fake.held) == 699, "as ipvsadm does it: what was before stays"


def test_a_line_that_is_refused_is_named_and_the_next_ones_are_run(capsys: Capture) -> None:
    rules = [*RULES[:699], RULES[3], "-A --nope", *RULES[701:]]
    fake = FakeIpvs()
    assert run(fake, "-R", "\n".join(rules)) == 0, "the status of the last line"
    assert capsys.readouterr().err == (
        f"Service already exists\nline 700: {RULES[3]}\n"
        "--nope: unknown option\nline 701: -A --nope\n"
    )
    assert len(fake.held) == 998


def test_in_a_short_input_nothing_is_added_to_what_ipvsadm_says(capsys: Capture) -> None:
    assert run(FakeIpvs(), "-R", "-C\n\nipvsadm -C\n-A --nope") == 255
    assert capsys.readouterr().err == "--nope: unknown option\n"


@pytest.mark.parametrize(
    ("lines", "status", "err"),
    [
        ("-R", 255, TRY[0] + "\n"),
        ("-L -t 1.2.3.4:80\n-A --nope", 1, "No such service\n"),
        ("/sbin/ipvsadm -C", 2, "unexpected argument /sbin/ipvsadm\n"),
        ("-h\n-A --nope", 0, ""),
        ("-v\n-A --nope", 0, ""),
    ],
)
def test_what_ends_a_restore(lines: str, status: int, err: str, capsys: Capture) -> None:
    assert run(FakeIpvs(), "-R", lines) == status
    assert capsys.readouterr().err == err


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused(errno.EPERM, "x"), "Permission denied (you must be root)"),
        (Refused(errno.ENOPROTOOPT, "x"), "Protocol not available"),
        (DataplaneError("no XDP dataplane runs"), "no XDP dataplane runs"),
    ],
)
def test_no_dataplane(error: DataplaneError, reason: str, capsys: Capture) -> None:
    @contextmanager
    def none(dataplane: str, run_directory: Path | None) -> Iterator[Operator]:
        raise error
        yield

    assert main(["-A"], open_dataplane=none) == 2, "before anything is looked at"
    assert capsys.readouterr().err == (
        f"Can't initialize ipvs: {reason}\n"
        "Are you sure that IP Virtual Server is built in the kernel or as module?\n"
    )
    assert main(["-h"], "lvs", open_dataplane=none) == 0
    assert capsys.readouterr().out.startswith("Usage: lvs COMMAND")


@pytest.mark.parametrize(
    "line",
    [
        "--dataplane xdp --run-dir /run/x -L --timeout",
        "-L --dataplane=xdp --timeout --run-dir=/run/x",
        "-L --timeout --run-dir /run/x --dataplane xdp",
    ],
)
def test_our_own_options_stand_anywhere(line: str, capsys: Capture) -> None:
    asked: list[tuple[str, Path | None]] = []

    @contextmanager
    def opened(dataplane: str, run_directory: Path | None) -> Iterator[Operator]:
        asked.append((dataplane, run_directory))
        yield FakeIpvs()

    assert main(line.split(), open_dataplane=opened) == 0
    assert asked == [("xdp", Path("/run/x"))]
    assert capsys.readouterr().out == "Timeout (tcp tcpfin udp): 900 120 300\n"


def test_an_unknown_dataplane(capsys: Capture) -> None:
    assert main(["--dataplane"]) == 2
    assert main(["--dataplane", "ebpf", "-L"]) == 2
    assert "must be one of auto, xdp, ipvs" in capsys.readouterr().err


def test_what_a_dataplane_cannot_do_it_says_itself(capsys: Capture) -> None:
    class Unable(FakeIpvs):
        def flush(self) -> None:
            raise Refused(errno.EOPNOTSUPP, "this one cannot; that one can")

    assert run(Unable(), "-C") == 255
    assert capsys.readouterr().err == "this one cannot; that one can\n"


def test_click_leaves_every_word_to_ipvsadm(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def fake_main(arguments: tuple[str, ...]) -> int:
        seen.append(arguments)
        return 3

    monkeypatch.setattr(command, "main", fake_main)
    words = ("-Lnc", "--help", "foo", "--stats", "-x", "--dataplane", "xdp")
    assert CliRunner().invoke(command.ipvsadm, words).exit_code == 3
    assert seen == [words]


def test_bytes_that_are_no_text_are_a_bad_line(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(dataplane: str, run_directory: Path | None) -> Iterator[Operator]:
        yield FakeIpvs()

    nonsense = io.TextIOWrapper(io.BytesIO(b"-A -t \xff\xfe:80\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", nonsense)
    assert main(["-R"], open_dataplane=opened) == 2
    assert capsys.readouterr().err == "illegal virtual server address[:port] specified\n"

"""Random command lines, given to the real ipvsadm and to ours: the same errors, the same changes.

The real one talks to `accepting_kernel.c` instead of a kernel; what it sends is read back.
"""

import os
import random
import shutil
import socket
import struct
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from trimaran.cli.ipvsadm.options import COMMANDS, OPTIONS, Argument, Option, UsageError
from trimaran.cli.ipvsadm.request import Request, read
from trimaran.dataplane.base import (
    Destination,
    Persistence,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from trimaran.model.ip import IPAddress
from trimaran.model.service import (
    Forwarding,
    Protocol,
    SchedulerFlag,
    ServerKey,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)

SEED, LINES = 1, 600

REAL = shutil.which("ipvsadm", path="/usr/sbin:/sbin") or ""

pytestmark = pytest.mark.skipif(
    not (REAL and shutil.which("clang")), reason="needs ipvsadm and clang"
)

# The first two of each are the likely ones.
VALUES = {
    "service-address": (
        *("1.2.3.4:80", "[::1]:80", "1.2.3.4", "::1", "1.2.3.4:http", "10.1:53", "bad", "80"),
        *("1.2.3.4:99999", "[::1]", "[1.2.3.4]:80", ":80", "0x50", "1.2.3.4:", "localhost:80"),
    ),
    "fwmark-service": ("3", "4294967295", "0", "x", "-1"),
    "scheduler": ("rr", "sh", "mh", "", "wlc", "abcdefghijklmnopqrs"),
    "persistent": ("50", "2678400", "0", "x", "2678401"),
    "netmask": ("255.255.0.0", "64", "129", "0", "bad.invalid", "24"),
    "real-server": (
        *("10.0.0.1", "10.0.0.1:81", "[::2]:5", "::3", "bad", "80", "10.0.0.1:http", "localhost"),
    ),
    "weight": ("1", "0", "-1", "x", "2147483648", "010"),
    "u-threshold": ("5", "-1"),
    "l-threshold": ("3", "x"),
    "mcast-interface": ("eth1", ""),
    "syncid": ("5", "256"),
    "pe": ("sip", ""),
    "sched-flags": ("flag-1", "sh-port", "mh-port", "bad", "sh-fallback,sh-port", ""),
    "mcast-group": ("224.0.0.9", "ff02::9", "1.2.3.4", "x"),
    "mcast-port": ("99", "0"),
    "mcast-ttl": ("3", "0"),
    "sync-maxlen": ("500", "65508"),
    "tun-type": ("ipip", "gue", "gre", "x"),
    "tun-port": ("6080", "0"),
    "start-daemon": ("master", "backup", "x"),
    "stop-daemon": ("master", "backup", "x"),
}
SERVICE = (
    *("service-address", "scheduler", "persistent", "netmask"),
    *("ops", "pe", "sched-flags", "ipv6"),
)
SERVER = (
    *("service-address", "real-server", "forwarding-method", "weight", "u-threshold"),
    *("l-threshold", "tun-type", "tun-port", "tun-csum", "tun-nocsum", "tun-remcsum", "ipv6"),
)
LIKELY = {
    "add-service": SERVICE,
    "edit-service": SERVICE,
    "delete-service": ("service-address", "ipv6"),
    "add-server": SERVER,
    "edit-server": SERVER,
    "delete-server": ("service-address", "real-server", "ipv6"),
    "zero": ("service-address",),
    "save": ("numeric",),
    "stop-daemon": ("syncid",),
    "start-daemon": (
        *("mcast-interface", "syncid", "mcast-group", "mcast-port", "mcast-ttl", "sync-maxlen"),
    ),
    "list": (
        *("numeric", "service-address", "timeout", "daemon", "stats", "rate", "thresholds"),
        *("persistent-conn", "nosort", "exact", "tun-info", "sort"),
    ),
}
BY_NAME: dict[str, list[Option]] = {}
for option in OPTIONS:
    BY_NAME.setdefault(option.name, []).append(option)


def words(rng: random.Random, option: Option) -> list[str]:
    """An option in one of the ways that it may be written."""
    letter = f"-{option.letters[0]}" if option.letters else ""
    if option.argument is Argument.NONE:
        return [letter] if letter and rng.random() < 0.6 else [f"--{option.long}"]
    if option.argument is Argument.OPTIONAL and rng.random() < 0.3:
        return [letter]
    values = VALUES[option.long if option.long == "fwmark-service" else option.name]
    value = rng.choice(values if rng.random() < 0.25 else values[:2])
    how = rng.random()
    if letter and how < 0.6:
        return [letter, value]
    if letter and value and how < 0.75:
        return [letter + value]
    return [f"--{option.long}", value] if how < 0.87 else [f"--{option.long}={value}"]


def line(rng: random.Random) -> list[str]:
    """A command line, with options that fit more often than not."""
    endings = {"restore", "help", "version"}
    command = rng.choice([command for command in COMMANDS if command.name not in endings])
    must = {"service-address", "real-server"}
    chances = [(name, 0.97 if name in must else 0.25) for name in LIKELY.get(command.name, ())]
    names = [name for name, chance in chances if rng.random() < chance]
    if rng.random() < 0.25:
        names.append(rng.choice(list(BY_NAME)))
    if rng.random() < 0.3:
        rng.shuffle(names)
    rest = [word for name in names for word in words(rng, rng.choice(BY_NAME[name]))]
    if command.name == "set":
        rest += rng.choices(["1", "2", "0", "x"], k=rng.choice([3, 3, 3, 2, 4]))
    if rng.random() < 0.05:
        strange = rng.choice(["x", "-", "--", "-Q", "--nope", "-n=", "--sort=3"])
        rest.insert(rng.randrange(len(rest) + 1), strange)
    whole = words(rng, command) + rest
    return bundled(whole) if rng.random() < 0.3 else whole


def bundled(line: list[str]) -> list[str]:
    """With letters that follow one another in one word."""
    flags = {
        f"-{o.letters[0]}" for o in (*COMMANDS, *OPTIONS) if o.letters and not o.argument.value
    }
    joined = line[:1]
    for word in line[1:]:
        if joined[-1] in flags and len(word) > 1 and word[0] == "-" != word[1]:
            joined[-1] += word[1:]
        else:
            joined.append(word)
    return joined


Outcome = tuple[str, int, tuple[Any, ...] | None]
"""Errors, exit status, and what is asked of the kernel."""


def ours(line: Sequence[str]) -> Outcome:
    try:
        request = read(line, REAL)
    except UsageError as error:
        return f"{error}\n", error.status, None
    return "", 0, change(request)


def change(request: Request) -> tuple[Any, ...]:
    match request.command:
        case "add-service" | "edit-service":
            return request.command, request.service, request.settings
        case "delete-service" | "zero":
            return request.command, request.service
        case "add-server" | "edit-server":
            return request.command, request.service, request.destination
        case "delete-server":
            return request.command, request.service, request.destination.key
        case "start-daemon":
            return request.command, request.daemon
        case "stop-daemon":
            return request.command, request.daemon.role
        case "set":
            return request.command, request.timeouts
        case command:
            return (command,)


def real(line: Sequence[str], kernel: Path, command: str | None) -> Outcome:
    """`command`: ours, to know a listing by, for which there is nothing to compare but errors."""
    reading, writing = os.pipe()
    done = subprocess.run(
        ["bash", "-c", f'exec "$0" "$@" 9>&{writing}', REAL, *line],
        env={**os.environ, "LD_PRELOAD": str(kernel)},
        pass_fds=[writing],
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        requests = [bytes.fromhex(request) for request in pipe.read().split()]
    if command in ("list", "save") and done.returncode in (0, 1):
        return "", 0, (command,)  # 1: it found no list of connections in /proc
    asked = [decoded(request) for request in requests if request[0] in NAMES]
    return done.stderr, done.returncode, asked[0] if asked and not done.returncode else None


NAMES = {
    1: "add-service",
    2: "edit-service",
    3: "delete-service",
    5: "add-server",
    6: "edit-server",
    7: "delete-server",
    9: "start-daemon",
    10: "stop-daemon",
    12: "set",
    16: "zero",
    17: "flush",
}


def decoded(request: bytes) -> tuple[Any, ...]:
    """A request of the family IPVS (ipvs-semantics 6.1)."""
    name, top = NAMES[request[0]], attributes(request[4:])
    match name:
        case "add-service" | "edit-service":
            return name, *service(top[1])
        case "delete-service" | "zero":
            return name, service(top[1])[0] if 1 in top else None
        case "add-server" | "edit-server":
            return name, service(top[1])[0], destination(top[2])
        case "delete-server":
            return name, service(top[1])[0], destination(top[2]).key
        case "start-daemon":
            return name, daemon(top[3])
        case "stop-daemon":
            return name, daemon(top[3]).role
        case "set":
            return name, Timeouts(*(host(top[number]) for number in (4, 5, 6)))
        case _:
            return (name,)


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        length, kind = struct.unpack_from("HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[-(-length // 4) * 4 :]
    return found


def host(data: bytes) -> int:
    return int.from_bytes(data, "little")


def network(data: bytes) -> int:
    return int.from_bytes(data, "big")


def text(data: bytes) -> str:
    return data.rstrip(b"\0").decode()


def address(family: int, data: bytes) -> IPAddress:
    return IPv4Address(data[:4]) if family == socket.AF_INET else IPv6Address(data)


def service(data: bytes) -> tuple[ServiceKey, Settings]:
    found = attributes(data)
    family = host(found[1])
    if 5 in found:
        key = ServiceKey.marked(host(found[5]), ipv6=family == socket.AF_INET6)
    else:
        (protocol,) = (p for p in Protocol if p.number == host(found[2]))
        key = ServiceKey(protocol, address(family, found[3]), network(found[4]))
    flags = host(found[7][:4])
    mask = network(found[9]) if family == socket.AF_INET else host(found[9])
    return key, Settings(
        text(found[6]),
        SchedulerFlag(flags & 0x38),
        Persistence(host(found[8]), mask) if flags & 1 else None,
        bool(flags & 4),
        text(found.get(11, b"")),
    )


def destination(data: bytes) -> Destination:
    found = attributes(data)
    methods = ("MASQUERADING", "LOCAL", "TUNNEL", "DIRECT_ROUTING")
    return Destination(
        ServerKey(address(host(found[11]), found[1]), network(found[2])),
        host(found[4]),
        Forwarding[methods[host(found[3])]],
        host(found[5]),
        host(found[6]),
        Tunnel(
            list(TunnelType)[host(found[13])],
            network(found[14]),
            list(TunnelChecksum)[host(found[15])],
        ),
    )


def daemon(data: bytes) -> SyncDaemon:
    found = attributes(data)
    family, group = (socket.AF_INET, found.get(5)) if 5 in found else (10, found.get(6))
    return SyncDaemon(
        SyncRole.MASTER if host(found[1]) == 1 else SyncRole.BACKUP,
        text(found[2]),
        host(found[3]),
        host(found.get(4, b"")),
        None if group is None else address(family, group),
        host(found.get(7, b"")),
        host(found.get(8, b"")),
    )


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("kernel") / "kernel.so"
    source = Path(__file__).with_name("accepting_kernel.c")
    subprocess.run(["clang", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


def test_random_lines(kernel: Path) -> None:
    rng = random.Random(SEED)
    accepted = 0
    for _ in range(LINES):
        given = line(rng)
        mine = ours(given)
        assert real(given, kernel, mine[2][0] if mine[2] else None) == mine, given
        accepted += mine[2] is not None
    assert LINES // 4 < accepted < LINES * 3 // 4, "a good mixture of sense and nonsense"


@pytest.mark.parametrize(
    "given",
    [
        ["-A", "-t", "1.2.3.4:80", "-p=50", "-s=rr"],
        ["-A", "-t", "1.2.3.4 x: 080"],
        ["-A", "-f", " +010", "-M", "255.255.0.0", "-6", "-p"],
        ["-A", "-M", "64", "-t", "[::1]:80", "-p"],
        ["-A", "-t", "[::1]:80", "-M", " 64x", "-p"],
        ["-A", "-t", "1.2.3.4:80", "-M", "localhost", "-p"],
        ["-A", "-t", "<broadcast>:80"],
        ["-A", "-t", "[localhost]:80", "-p"],
        ["--set", "--", "-1", "2", "3"],
        ["--start-daemon", ""],
    ],
)
def test_lines_that_are_rarely_random(given: list[str], kernel: Path) -> None:
    assert real(given, kernel, None) == ours(given)

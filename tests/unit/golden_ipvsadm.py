"""Golden sessions of the real ipvsadm (`tests/data/ipvsadm`), and how to read listings back.

Rows that the model cannot hold yet (firewall marks, SCTP, IPv6) are left out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from trimaran.dataplane.base import (
    Connection,
    Counters,
    Destination,
    DestinationView,
    ServiceView,
    Settings,
)
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

DATA = Path(__file__).parents[1] / "data" / "ipvsadm"


@dataclass(frozen=True)
class Step:
    """One command of a session and what it did."""

    session: str
    command: str
    stdout: str
    stderr: str
    status: int

    @property
    def arguments(self) -> list[str]:
        return self.command.split()[1:]

    def __str__(self) -> str:
        return f"{self.session}: {self.command}"


def steps(*commands: str) -> list[Step]:
    """All steps of all sessions whose command is one of these."""
    found = []
    for file in sorted(DATA.glob("*.json")):
        for step in json.loads(file.read_text()):
            if not commands or step["cmd"] in commands:
                texts = representable(step["stdout"]), step["stderr"]
                found.append(Step(file.stem, step["cmd"], *texts, step["rc"]))
    return found


def representable(listing: str) -> str:
    """The listing without services that the model cannot hold, and their destinations."""
    kept, keeping = [], True
    for line in listing.splitlines(keepends=True):
        if line.startswith(("TCP ", "UDP ", "SCTP ", "FWM ")):
            keeping = line.startswith(("TCP ", "UDP ")) and "[" not in line
        if keeping:
            kept.append(line)
    return "".join(kept)


def services(listing: str) -> list[ServiceView]:
    """Read `-Ln` back, in the order of the text."""
    return [
        ServiceView(key, Settings(words[2]), tuple(_destination(row) for row in rows))
        for key, words, rows in _blocks(listing)
    ]


def counted_services(listing: str) -> list[ServiceView]:
    """Read `-Ln --stats` or `--rate` back: the numbers as counters and as rates."""
    views = []
    for key, words, rows in _blocks(listing):
        destinations = tuple(
            DestinationView(Destination(_server(row[1])), 0, 0, 0, _counters(row), _counters(row))
            for row in rows
        )
        views.append(
            ServiceView(key, Settings("rr"), destinations, _counters(words), _counters(words))
        )
    return views


def connections(listing: str) -> list[Connection]:
    """Read `-Lnc` back."""
    entries = []
    for line in listing.splitlines()[2:]:
        protocol, expires, state, client, virtual, destination = line.split()
        minutes, seconds = expires.split(":")
        source, target = _server(client), _server(virtual)
        ends = (source.address, source.port, target.address, target.port)
        left = int(minutes) * 60 + int(seconds)
        entries.append(Connection(protocol, *ends, _server(destination), state, left))
    return entries


_Block = tuple[ServiceKey, list[str], list[list[str]]]


def _blocks(listing: str) -> list[_Block]:
    blocks: list[_Block] = []
    for words in map(str.split, listing.splitlines()):
        if words[0] in ("TCP", "UDP"):
            key = _server(words[1])
            service = ServiceKey(Protocol(words[0]), key.address, key.port)
            blocks.append((service, words, []))
        elif words[0] == "->" and words[1] != "RemoteAddress:Port":
            blocks[-1][2].append(words)
    return blocks


def _destination(row: Sequence[str]) -> DestinationView:
    _, key, forwarding, weight, active, inactive = row
    destination = Destination(_server(key), int(weight), Forwarding(forwarding))
    return DestinationView(destination, int(active), int(inactive))


def _server(text: str) -> ServerKey:
    address, _, port = text.partition(":")
    return ServerKey(IPv4Address(address), int(port))


def _counters(words: Sequence[str]) -> Counters:
    return Counters(*map(int, words[2:]))

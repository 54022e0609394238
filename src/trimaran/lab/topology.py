"""A lab as data: which hosts there are, what they do, and on which network they meet."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from trimaran.lab.errors import LabError

INTERFACE = "eth1"
"""The one interface of every host."""

LAN = "lan"
"""The namespace of the bridge; no host can have this name."""

EXERCISE = Path(__file__).with_name("topologies") / "exercise.toml"

_HOST_NAME = re.compile(r"[a-z][a-z0-9]{0,14}")  # also the name of the bridge's port


Program = Literal["trimaran", "keepalived"]
Dataplane = Literal["auto", "xdp", "ipvs"]


class _Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="role"):
    address: IPv4Address


class Client(_Host, frozen=True, tag="client"):
    """A host that runs no service."""


class Director(_Host, frozen=True, tag="director"):
    """A host that runs a program on this configuration (a path beside the topology)."""

    config: str
    program: Program = "trimaran"
    dataplane: Dataplane = "auto"
    """For `trimaran run --dataplane`. keepalived has the kernel's IPVS only."""


class WebServer(_Host, frozen=True, tag="web"):
    """A real server: nginx that gives `answer` to every request, with the VIPs on lo."""

    answer: str
    virtual_addresses: tuple[IPv4Address, ...] = ()


Host = Client | Director | WebServer


class Topology(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hosts by name, in the order of the file, all on one network."""

    network: IPv4Network
    host: dict[str, Host]

    @property
    def directors(self) -> dict[str, Director]:
        return {name: host for name, host in self.host.items() if isinstance(host, Director)}

    @property
    def web_servers(self) -> dict[str, WebServer]:
        return {name: host for name, host in self.host.items() if isinstance(host, WebServer)}


def with_directors(
    topology: Topology, programs: Sequence[str] = (), dataplane: Dataplane | None = None
) -> Topology:
    """The same, but its directors run these programs, in their order, or on this dataplane.

    Raises `LabError` if there are not as many programs as directors, or one is not a `Program`.
    """
    directors = topology.directors
    programs = programs or [director.program for director in directors.values()]
    if len(programs) != len(directors):
        raise LabError(f"directors {','.join(programs)}: want one each for {', '.join(directors)}")
    host = dict(topology.host)
    for (name, director), program in zip(directors.items(), programs, strict=True):
        if program not in get_args(Program):
            raise LabError(f"director {program!r}: want {' or '.join(get_args(Program))}")
        host[name] = msgspec.structs.replace(
            director, program=program, dataplane=dataplane or director.dataplane
        )
    return msgspec.structs.replace(topology, host=host)


def write(path: Path, topology: Topology) -> None:
    """Write it down for `read`, as JSON."""
    path.write_bytes(msgspec.json.encode(topology, enc_hook=str))


def _address(kind: type, value: Any) -> Any:
    if kind in (IPv4Address, IPv4Network):
        return kind(value)
    raise NotImplementedError(kind)


def read(path: Path) -> Topology:
    """Read (TOML, or JSON) and validate a topology. Raises `LabError` that says where and what."""
    decode = msgspec.json.decode if path.suffix == ".json" else msgspec.toml.decode
    try:
        topology = decode(path.read_bytes(), type=Topology, dec_hook=_address)
    except OSError as error:
        raise LabError(f"topology {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LabError(f"topology {path}: {error}") from None
    addresses: dict[IPv4Address, str] = {}
    for name, host in topology.host.items():
        if not _HOST_NAME.fullmatch(name) or name == LAN:
            raise LabError(
                f"topology {path}: host name {name!r}: want a lowercase letter, then at most 14 "
                f"lowercase letters or digits, and not {LAN!r}"
            )
        if host.address not in topology.network:
            raise LabError(f"topology {path}: {name}: {host.address} is not in {topology.network}")
        if other := addresses.get(host.address):
            raise LabError(f"topology {path}: {name}: {host.address} is {other}'s already")
        addresses[host.address] = name
    return topology

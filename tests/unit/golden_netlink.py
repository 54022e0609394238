"""Golden netlink sessions of a real kernel (`tests/data/ipvs/netlink`), and our way to do them."""

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

from trimaran.dataplane.base import (
    FALLBACK,
    HASH_PORT,
    Destination,
    Persistence,
    Refused,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.dataplane.ipvs import requests
from trimaran.dataplane.ipvs.family import Command
from trimaran.dataplane.ipvs.operator import IpvsOperator
from trimaran.dataplane.ipvs.requests import Request
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

DATA = Path(__file__).parents[1] / "data" / "ipvs" / "netlink"


@dataclass(frozen=True)
class Operation:
    """One request of the golden session. `messages`: what the kernel sent back, whole."""

    name: str
    command: int
    request: bytes
    errno: int
    replies: list[bytes]
    messages: list[bytes]


def operations() -> list[Operation]:
    """The session, in order."""
    return [
        Operation(
            given["name"],
            given["cmd"],
            bytes.fromhex(given["request"])[20:],
            getattr(errno, given["errno"]) if given["errno"] else 0,
            [bytes.fromhex(reply)[20:] for reply in given["replies"]],
            [bytes.fromhex(message) for message in given["raw_recv"]],
        )
        for given in json.loads((DATA / "ops.json").read_text())["ops"]
    ]


def ipvsadm_requests() -> dict[str, list[tuple[int, bytes]]]:
    """What commands of ipvsadm send to the family: command and attributes of each request."""
    given: list[dict[str, Any]] = json.loads((DATA / "ipvsadm-requests.json").read_text())
    family = bytes.fromhex(given[0]["messages"][2])[4:6]
    return {
        entry["command"]: [
            (message[16], message[20:])
            for message in map(bytes.fromhex, entry["messages"])
            if message[4:6] == family and message[16] != Command.GET_INFO
        ]
        for entry in given
    }


def key(address: str, port: int, protocol: Protocol = Protocol.TCP) -> ServiceKey:
    return ServiceKey(protocol, ip_address(address), port)


def server(address: str, port: int, weight: int = 1, **details: Any) -> Destination:
    return Destination(ServerKey(ip_address(address), port), weight, **details)


def tunnelled(kind: TunnelType, port: int = 0, checksum: str = "nocsum") -> dict[str, Any]:
    tunnel = Tunnel(kind, port, TunnelChecksum(checksum))
    return {"forwarding": Forwarding.TUNNEL, "tunnel": tunnel}


WEB, WEB6 = key("192.168.1.10", 80), key("2001:db8:1::10", 443)
ABSENT = key("192.168.1.10", 999)
MARK, MARK6 = ServiceKey.marked(7), ServiceKey.marked(7, ipv6=True)
RR = Settings("rr")
DIRECT = server("192.168.1.101", 80)
NAT = server(
    "192.168.1.102",
    8080,
    5,
    forwarding=Forwarding.MASQUERADING,
    upper_threshold=100,
    lower_threshold=50,
)
GUE = server("192.168.1.103", 80, 3, **tunnelled(TunnelType.GUE, 6080, "csum"))
GRE = server("192.168.1.104", 80, 3, **tunnelled(TunnelType.GRE, 0, "csum"))
TO_IPV6 = server("2001:db8:1::101", 80, **tunnelled(TunnelType.IPIP))

STEPS: dict[str, Step] = {
    "NEW_SERVICE TCP v4 rr": AddService(WEB, RR),
    "NEW_SERVICE again": AddService(WEB, RR),
    "NEW_SERVICE unknown scheduler": AddService(key("192.168.1.10", 81), Settings("foo")),
    "NEW_SERVICE UDP ops": AddService(
        key("192.168.1.10", 53, Protocol.UDP), Settings("rr", one_packet=True)
    ),
    "NEW_SERVICE persistent mask pe": AddService(
        key("192.168.1.10", 5060, Protocol.UDP),
        Settings("wlc", persistence=Persistence(60, 0xFFFFFF00), persistence_engine="sip"),
    ),
    "NEW_SERVICE TCP v6 wrr": AddService(WEB6, Settings("wrr")),
    "NEW_SERVICE fwmark 7 mh": AddService(MARK, Settings("mh", FALLBACK | HASH_PORT)),
    "NEW_SERVICE fwmark 7 IPv6 persistent": AddService(
        MARK6, Settings("rr", persistence=Persistence(300, 64))
    ),
    "NEW_SERVICE SCTP": AddService(key("192.168.1.10", 3868, Protocol.SCTP), RR),
    "NEW_DEST DR": AddDestination(WEB, DIRECT),
    "NEW_DEST again": AddDestination(WEB, DIRECT),
    "NEW_DEST NAT thresholds": AddDestination(WEB, NAT),
    "NEW_DEST tunnel GUE": AddDestination(WEB, GUE),
    "NEW_DEST tunnel GRE": AddDestination(WEB, GRE),
    "NEW_DEST tunnel to IPv6": AddDestination(WEB, TO_IPV6),
    "NEW_DEST v6": AddDestination(WEB6, server("2001:db8:1::102", 443, 9)),
    "NEW_DEST fwmark": AddDestination(MARK, server("192.168.1.105", 0)),
    "NEW_DEST no service": AddDestination(ABSENT, DIRECT),
    "NEW_DEST l>u": AddDestination(
        WEB, server("192.168.1.109", 80, upper_threshold=1, lower_threshold=2)
    ),
    "NEW_DEST multicast": AddDestination(WEB, server("224.0.0.9", 80)),
    "SET_SERVICE": EditService(WEB, Settings("wlc", persistence=Persistence(77, 0xFFFFFFFF))),
    "SET_SERVICE unknown": EditService(ABSENT, RR),
    "SET_DEST": EditDestination(WEB, server("192.168.1.101", 80, 9)),
    "SET_DEST unknown": EditDestination(WEB, server("192.168.1.200", 80)),
    "DEL_DEST": DeleteDestination(WEB, GRE.key),
    "DEL_DEST unknown": DeleteDestination(WEB, GRE.key),
    "DEL_DEST v6 tunnel": DeleteDestination(WEB, TO_IPV6.key),
    "DEL_SERVICE": DeleteService(WEB),
    "DEL_SERVICE unknown": DeleteService(WEB),
}
"""The steps that make the session's changes of services and destinations, by name."""

MASTER = SyncDaemon(SyncRole.MASTER, "eth1", 9)
BACKUP = SyncDaemon(SyncRole.BACKUP, "eth1", 9, 500, IPv4Address("239.1.2.3"), 9000, 5)

OTHER_REQUESTS: dict[str, Request] = {
    "ZERO service": Request(Command.ZERO, requests.service_key(WEB)),
    "ZERO unknown": Request(Command.ZERO, requests.service_key(ABSENT)),
    "ZERO all": Request(Command.ZERO),
    "SET_CONFIG": requests.set_timeouts(Timeouts(100, 20, 30)),
    "NEW_DAEMON master": requests.start_sync(MASTER),
    "NEW_DAEMON backup with options": requests.start_sync(BACKUP),
    "NEW_DAEMON again": requests.start_sync(MASTER),
    "DEL_DAEMON master": requests.stop_sync(SyncRole.MASTER),
    "DEL_DAEMON master again": requests.stop_sync(SyncRole.MASTER),
    "DEL_DAEMON backup": requests.stop_sync(SyncRole.BACKUP),
    "FLUSH": Request(Command.FLUSH),
}

OTHER_CALLS: dict[str, Callable[[IpvsOperator], None]] = {
    "ZERO service": lambda ipvs: ipvs.zero(WEB),
    "ZERO unknown": lambda ipvs: ipvs.zero(ABSENT),
    "ZERO all": lambda ipvs: ipvs.zero(None),
    "SET_CONFIG": lambda ipvs: ipvs.set_timeouts(Timeouts(100, 20, 30)),
    "SET_CONFIG negative": lambda ipvs: ipvs.set_timeouts(Timeouts(0xFFFFFFFF, 0, 0)),
    "NEW_DAEMON master": lambda ipvs: ipvs.start_sync(MASTER),
    "NEW_DAEMON backup with options": lambda ipvs: ipvs.start_sync(BACKUP),
    "NEW_DAEMON again": lambda ipvs: ipvs.start_sync(MASTER),
    "NEW_DAEMON no such interface": lambda ipvs: ipvs.start_sync(
        SyncDaemon(SyncRole.MASTER, "eth9", 9)
    ),
    "DEL_DAEMON master": lambda ipvs: ipvs.stop_sync(SyncRole.MASTER),
    "DEL_DAEMON master again": lambda ipvs: ipvs.stop_sync(SyncRole.MASTER),
    "DEL_DAEMON backup": lambda ipvs: ipvs.stop_sync(SyncRole.BACKUP),
    "FLUSH": lambda ipvs: ipvs.flush(),
}


def errno_of(ipvs: IpvsOperator, name: str) -> int:
    """Do an operation of the session by its name; the errno that it is refused with, or 0."""
    try:
        if name in STEPS:
            ipvs.execute(STEPS[name])
        else:
            OTHER_CALLS[name](ipvs)
    except Refused as refused:
        return refused.errno
    return 0

"""`trimaran status`: the JSON document and the table."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import msgspec

from trimaran.daemon.messages import (
    PlaneStatus,
    RouterStatus,
    ServerStatus,
    SessionStatus,
    TrackerReading,
)
from trimaran.daemon.status import ProcessStatus, Status, document, render_json
from trimaran.health.administration import Leaving, Mode, Order
from trimaran.model.config import Config
from trimaran.model.router import RouterKey
from trimaran.model.script import Script
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    SorryServer,
    VirtualService,
)
from trimaran.model.tracking import Tracker, TrackerKind, TrackFile, TrackProcess, TrackScript
from trimaran.views.status import from_json, render_text

NOW = 1_795_000_000.0
VIP = ServiceKey(Protocol.TCP, IPv4Address("192.168.1.10"), 80)
WEB1, WEB2, WEB3 = (ServerKey(IPv4Address(f"192.168.1.20{n}"), 80) for n in (1, 2, 3))

ROUTER = RouterStatus(
    name="ip1",
    key=RouterKey("eth1", ipv6=False, vrid=1),
    state="MASTER",
    reason="priority 100, 192.168.1.102 has only 50",
    since=NOW - 200,
    priority=100,
    master=IPv4Address("192.168.1.101"),
    addresses=("192.168.1.10/24",),
    transitions=2,
    adverts_sent=200,
    adverts_received=3,
    discarded={"bad checksum": 1},
    worst_lateness=480_999,
    strangers={"192.168.1.77": "wrong password"},
)
SERVICE = VirtualService(
    VIP,
    "rr",
    Forwarding.DIRECT_ROUTING,
    (RealServer(WEB1), RealServer(WEB2, weight=10), RealServer(WEB3)),
)
STATUS = Status(
    config=Config(
        virtual_services=(SERVICE,),
        trackers=(
            TrackScript("chk", Script(("/bin/true",))),
            TrackFile("load", "/run/load"),
            TrackProcess("haproxy", "haproxy"),
        ),
    ),
    routers=(ROUTER,),
    servers=(
        ServerStatus(VIP, WEB2, False, NOW - 12.25, "connection refused (2 attempts)"),
        ServerStatus(VIP, WEB1, True, NOW - 7500, "connected", None, NOW - 3),
    ),
    plane=PlaneStatus("xdp", {"eth1": "native"}),
    processes=(
        ProcessStatus("speaker", 4711, NOW - 300_000, 0),
        ProcessStatus("checker", 0, 0.0, 2),
    ),
    sessions=(
        SessionStatus(
            name="path",
            neighbour=IPv4Address("192.168.1.254"),
            state="Up",
            up=True,
            since=NOW - 65,
            reason="the neighbour says Init",
            transmit_interval=10_000_000,
            detection_time=50_000_000,
            sent=6500,
            received=6499,
            discarded={"ttl": 2},
        ),
    ),
    trackers=(
        TrackerReading(Tracker(TrackerKind.FILE, "load"), 3, NOW - 5, "/run/load holds 3"),
        TrackerReading(Tracker(TrackerKind.SCRIPT, "chk"), False, NOW - 60, "exit status 1"),
    ),
)

TEXT = """\
VIRTUAL ROUTER  STATE   FOR    INTERFACE  VRID  PRIORITY  MASTER         ADDRESSES
ip1             MASTER  3m20s  eth1          1       100  192.168.1.101  192.168.1.10/24
  ip1: 192.168.1.77 uses VRID 1 too: wrong password
  ip1: 1 advert discarded: bad checksum

TRACKER          STATE     FOR    WHY
script chk       NOT WELL  1m00s  exit status 1
file load        3         5s     /run/load holds 3
process haproxy  unknown   -      nothing is known yet

SERVICE              STATE    FOR    WEIGHT  CHECKED  WHY
TCP 192.168.1.10:80  1/3 up                           rr, Route
  192.168.1.201:80   up       2h05m       1  3s ago   connected
  192.168.1.202:80   DOWN     12s        10  -        connection refused (2 attempts)
  192.168.1.203:80   unknown  -           1  -        not checked yet

BFD SESSION  STATE  FOR    NEIGHBOUR      SENDS EVERY  DETECTS IN  WHY
path         Up     1m05s  192.168.1.254        10 ms       50 ms  the neighbour says Init
  path: 2 packets discarded: ttl

PROCESS   PID  FOR    RESTARTS
speaker  4711  3d11h         0
checker     -  -             2

Dataplane: xdp, eth1 native
"""


def test_the_table() -> None:
    assert render_text(document(STATUS, NOW)) == TEXT


def test_the_table_is_made_of_the_json_document() -> None:
    assert render_text(from_json(render_json(STATUS, NOW))) == TEXT


def test_the_json_document() -> None:
    line = render_json(STATUS, NOW)
    assert b"\n" not in line
    assert json.loads(line) == {
        "time": "2026-11-18T11:06:40Z",
        "virtual_routers": [
            {
                "name": "ip1",
                "interface": "eth1",
                "vrid": 1,
                "state": "MASTER",
                "reason": "priority 100, 192.168.1.102 has only 50",
                "since": "2026-11-18T11:03:20Z",
                "priority": 100,
                "master": "192.168.1.101",
                "addresses": ["192.168.1.10/24"],
                "transitions": 2,
                "adverts_sent": 200,
                "adverts_received": 3,
                "discarded": {"bad checksum": 1},
                "worst_lateness_us": 480,
                "strangers": {"192.168.1.77": "wrong password"},
            }
        ],
        "services": [
            {
                "protocol": "TCP",
                "address": "192.168.1.10",
                "port": 80,
                "scheduler": "rr",
                "forwarding": "Route",
                "mark": 0,
                "quorate": True,
                "sorry_server": None,
                "servers": [
                    {
                        "address": "192.168.1.201",
                        "port": 80,
                        "weight": 1,
                        "up": True,
                        "since": "2026-11-18T09:01:40Z",
                        "reason": "connected",
                        "checked": "2026-11-18T11:06:37Z",
                        "order": None,
                        "connections": None,
                    },
                    {
                        "address": "192.168.1.202",
                        "port": 80,
                        "weight": 10,
                        "up": False,
                        "since": "2026-11-18T11:06:27.750000Z",
                        "reason": "connection refused (2 attempts)",
                        "checked": None,
                        "order": None,
                        "connections": None,
                    },
                    {
                        "address": "192.168.1.203",
                        "port": 80,
                        "weight": 1,
                        "up": None,
                        "since": None,
                        "reason": "not checked yet",
                        "checked": None,
                        "order": None,
                        "connections": None,
                    },
                ],
            }
        ],
        "dataplane": {"kind": "xdp", "interfaces": {"eth1": "native"}},
        "processes": [
            {"name": "speaker", "pid": 4711, "restarts": 0, "since": "2026-11-14T23:46:40Z"},
            {"name": "checker", "pid": None, "restarts": 2, "since": None},
        ],
        "bfd_sessions": [
            {
                "name": "path",
                "neighbour": "192.168.1.254",
                "state": "Up",
                "up": True,
                "since": "2026-11-18T11:05:35Z",
                "reason": "the neighbour says Init",
                "transmit_interval_us": 10_000,
                "detection_time_us": 50_000,
                "packets_sent": 6500,
                "packets_received": 6499,
                "discarded": {"ttl": 2},
            }
        ],
        "maintenance": False,
        "trackers": [
            {
                "kind": "script",
                "name": "chk",
                "value": False,
                "since": "2026-11-18T11:05:40Z",
                "reason": "exit status 1",
            },
            {
                "kind": "file",
                "name": "load",
                "value": 3,
                "since": "2026-11-18T11:06:35Z",
                "reason": "/run/load holds 3",
            },
            {
                "kind": "process",
                "name": "haproxy",
                "value": None,
                "since": None,
                "reason": "nothing is known yet",
            },
        ],
    }


def test_a_director_in_maintenance() -> None:
    routers = (msgspec.structs.replace(ROUTER, state="FAULT", reason="maintenance"),)
    text = render_text(document(replace(STATUS, routers=routers, maintenance=True), NOW))
    lines = text.splitlines()
    assert lines[0] == "Maintenance: this director takes no part in elections."
    assert lines[4] == "  ip1: maintenance"


def test_a_director_with_nothing_to_do() -> None:
    empty = Status(Config(), (), (), PlaneStatus("xdp", {}), ())
    assert render_text(document(empty, NOW)) == (
        "No virtual routers.\n\nNo virtual services.\n\n"
        "PROCESS  PID  FOR  RESTARTS\n\nDataplane: xdp, not attached to any interface\n"
    )


def test_marks_ipv6_and_the_sorry_server() -> None:
    marked = ServiceKey.marked(5, ipv6=True)
    sixth = ServiceKey(Protocol.UDP, IPv6Address("2001:db8::1"), 53)
    server = ServerKey(IPv6Address("2001:db8::2"), 53)
    services = (
        VirtualService(marked, "wlc", Forwarding.DIRECT_ROUTING),
        VirtualService(
            sixth,
            "rr",
            Forwarding.MASQUERADING,
            (RealServer(server),),
            sorry_server=SorryServer(server),
        ),
    )
    status = replace(STATUS, config=Config(virtual_services=services), quorate={sixth: False})
    text = render_text(document(status, NOW))
    assert [" ".join(line.split()) for line in text.splitlines()[6:10]] == [
        "FWM 5 IPv6 0/0 up wlc, Route",
        "UDP [2001:db8::1]:53 0/1 up rr, Masq",
        "no quorum [2001:db8::2]:53 answers",
        "[2001:db8::2]:53 unknown - 1 - not checked yet",
    ]


def test_what_an_operator_has_ordered_and_who_is_leaving() -> None:
    gone = ServerKey(IPv4Address("192.168.1.204"), 80)
    status = replace(
        STATUS,
        orders={(VIP, WEB1): Order(Mode.DRAIN), (VIP, WEB2): Order(Mode.DISABLE, 3)},
        leaving={(VIP, gone): Leaving(RealServer(gone), 0)},
        connections={(VIP, WEB1): 1, (VIP, gone): 2},
    )
    shown = render_text(document(status, NOW)).splitlines()
    first = next(n for n, line in enumerate(shown) if "192.168.1.201:80" in line)
    assert shown[first : first + 4] == [
        "  192.168.1.201:80   up       2h05m       0  3s ago   draining, 1 connection left; "
        "connected",
        "  192.168.1.202:80   DOWN     12s         3  -        disabled, weight 3; "
        "connection refused (2 attempts)",
        "  192.168.1.203:80   unknown  -           1  -        not checked yet",
        "  192.168.1.204:80   unknown  -           0  -        draining, 2 connections left; "
        "removed by a reload",
    ]

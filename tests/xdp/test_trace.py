"""What `trimaran xdp trace` tells of packets, and what it costs when nobody asks: nothing."""

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner
from frames import ACK, DNS, DROP, FIN, HTTP, PASS, SYN, VIP, Director, ip, server, tcp, udp
from frames6 import HTTP6, VIP6, Director6, tcp6

from trimaran.cli.main import trimaran
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.trace import Decision, Filter, Trace, network
from trimaran.model.service import Protocol
from trimaran.views.trace import decision_json, decision_text, verdict

Tell = Callable[..., list[Decision]]
MANY = 16 * 1000
EVERYTHING = Filter()


@pytest.fixture
def told(director: Director) -> Iterator[Tell]:
    """Sends frames while a trace runs; what it told of them."""
    traces = []

    def tell(*frames: bytes, wanted: Filter = EVERYTHING, rate: int = MANY) -> list[Decision]:
        trace = Trace(director.plane.tables, wanted, rate)
        traces.append(trace)
        reader = trace.decisions(0.05)
        found: list[Decision] = []
        # The first look at the ring, which finds nothing, begins it.
        director.plane.tables.live["tracing"]["until"] = int(director.plane.tables.tick()) + 100
        for frame in frames:
            director.send(frame)
        found.extend(reader)
        return found

    yield tell
    for trace in traces:
        trace.stop()


def text(decision: Decision) -> str:
    """Without the time."""
    return decision_text(decision).partition(" ")[2].strip()


def test_a_connection_from_its_beginning_to_its_end(director: Director, told: Tell) -> None:
    director.serve(101)
    lines = [text(d) for d in told(tcp(SYN), tcp(ACK, data=b"x" * 10), tcp(FIN | ACK))]
    to = "server 192.168.1.101:80 by direct routing; forwarded"
    client = "TCP 10.0.0.9:20010 > 192.168.1.10:80"
    assert lines == [
        f"{client} SYN 40 bytes; new connection by rr, SYN_RECV; {to}",
        f"{client} ACK 50 bytes; connection from SYN_RECV to ESTABLISHED; {to}",
        f"{client} FIN ACK 40 bytes; connection from ESTABLISHED to FIN_WAIT; {to}",
    ]


def test_why_packets_go_nowhere(director: Director, told: Tell) -> None:
    director.serve(101, weights={101: 0})
    (refused,) = told(tcp(SYN))
    assert verdict(refused).startswith("refused with ICMP port unreachable")
    director.serve(110)  # whose MAC address nobody knows
    (dropped,) = told(tcp(SYN))
    assert verdict(dropped).startswith("dropped: no server's MAC address is known")
    assert dropped.events == {Event.UNRESOLVED}
    director.serve(101)
    director.send(tcp(SYN))
    director.serve(102)
    (gone,) = told(tcp(ACK))
    assert verdict(gone) == "dropped: the server was removed from the service"


def test_what_is_the_kernels(director: Director, told: Tell) -> None:
    director.serve(101)
    (stray, other) = told(tcp(ACK), tcp(SYN, to=22))
    assert text(stray).endswith("no connection; the kernel's: passed on untouched")
    assert text(other).endswith("no service, no connection; the kernel's: passed on untouched")


def test_ttl_and_local_node(director: Director, told: Tell) -> None:
    director.serve(101)
    (late,) = told(tcp(SYN, ttl=1))
    assert verdict(late) == "answered with ICMP time exceeded"
    director.plane.set_local([server(101).address])
    (own,) = told(tcp(SYN, port=4))
    assert verdict(own).startswith("up this director's own stack")
    director.plane.set_local([])


def test_ipv6(director: Director, told: Tell) -> None:
    Director6(director).serve(101)
    (first,) = told(tcp6(SYN))
    assert first.packet.virtual == VIP6
    assert first.service == HTTP6
    assert first.after == "SYN_RECV"
    assert verdict(first) == "forwarded"


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(Protocol.TCP, client=network("10.0.0.9")),
        Filter(Protocol.TCP, network("10.0.0.8/31"), network(str(VIP)), 20010),
        Filter(client_port=20010, virtual_port=80),
        Filter(virtual_port=80),
    ],
)
def test_only_what_is_asked_for(director: Director, told: Tell, wanted: Filter) -> None:
    director.serve(101)
    others = (udp(), tcp(SYN, port=5, to=81, source="10.0.0.7"))
    assert [d.packet.client_port for d in told(*others, tcp(SYN), wanted=wanted)] == [20010]


def test_the_rest_of_a_flood_is_counted(director: Director, told: Tell) -> None:
    director.serve(101)
    frames = [tcp(SYN, port=port) for port in range(1000, 1400)]
    found = told(*frames, rate=16)  # one in each tick
    assert len(found) < 100
    director.plane.tables.live["tracing"]["until"] = 0
    skipped = sum(decision.skipped for decision in found)
    assert len(found) + skipped <= 400
    assert skipped or len(found) == 1


def test_a_document_a_line(director: Director, told: Tell) -> None:
    director.serve(101)
    (decision,) = told(tcp(SYN))
    document = json.loads(decision_json(decision))
    assert document["service"] == str(HTTP)
    assert (document["state_before"], document["state"]) == (None, "SYN_RECV")
    assert (document["server"], document["verdict"]) == ("192.168.1.101:80", "forwarded")
    assert document["flags"] == ["SYN"]
    assert decision_json(decision).count("\n") == 1


def test_nothing_is_told_when_nobody_asks_any_more(director: Director, told: Tell) -> None:
    director.serve(101)
    told(tcp(SYN))
    tracing = director.plane.tables.live["tracing"]
    tracing["until"] = (int(director.plane.tables.tick()) - 1) & 0xFFFFFFFF  # its lease is over
    director.send(tcp(ACK))
    assert tracing["until"] == 0
    assert told() == []


def test_a_full_ring_takes_no_more(director: Director, told: Tell) -> None:
    director.serve(101)
    frames = [tcp(SYN, port=1024 + n) for n in range(4000)]
    found = told(*frames, rate=10**6)
    assert 1000 < len(found) < 4000
    assert director.send(tcp(SYN, port=1023))[0] not in (DROP, PASS)


def test_frames_that_are_none_of_it(director: Director, told: Tell) -> None:
    director.serve(101, key=DNS)
    fragment = tcp(0)[:14] + ip(b"x" * 16, 17, fragment=0x2001)
    assert told(fragment, tcp(SYN, target="192.168.1.77"), b"\0" * 60) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--client 10.0.0.0/33", "--client: '10.0.0.0/33' does not appear to be an IPv4 or IPv6"),
        ("--vip nowhere", "--vip: 'nowhere' does not appear to be an IPv4 or IPv6"),
        ("--client 10.0.0.1 --vip ::1", "--client and --vip: one of IPv4 and one of IPv6"),
        ("--port 70000", "'--port': 70000 is not in the range 0<=x<=65535"),
        ("--protocol icmp", "'icmp' is not one of 'tcp', 'udp', 'sctp'"),
        ("--rate 0", "'--rate': 0 is not in the range 1<=x<=100000"),
        ("--seconds 0", "'--seconds': 0.0 is not in the range x>0"),
    ],
)
def test_bad_words_are_refused_in_one_line(words: str, why: str) -> None:
    done = CliRunner().invoke(trimaran, ["xdp", "trace", *words.split()])
    assert done.exit_code == 2
    assert why in done.output.splitlines()[-1]

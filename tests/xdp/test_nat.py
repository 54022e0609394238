"""Masquerading in both directions, beyond the golden frames."""

import random
import struct
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import numpy as np
import pytest
from frames import (
    ACK,
    DIRECTOR,
    DIRECTOR_MAC,
    DNS,
    DROP,
    FIN,
    GATEWAY_MAC,
    HTTP,
    PASS,
    RST,
    SYN,
    TX,
    VIP,
    Director,
    checksum,
    ip,
    server,
    server_mac,
    tcp,
    udp,
)
from golden import load
from own_network import GATEWAY, INTERFACE, mac_text

from trimaran.dataplane.base import Behaviour, Destination, Service, Settings, TcpState
from trimaran.dataplane.states import REUSABLE
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.servers import TRASH_PERIOD
from trimaran.dataplane.xdp.tables import destination_of
from trimaran.model.service import Forwarding, Protocol, ServiceKey

CLIENT = "10.0.0.9"
TICK = 0.07
"""Seconds after which the program asks the kernel again for a way."""
FLAGS = {"syn": SYN, "fin": FIN, "ack": ACK, "rst": RST}
TABLES = load("state-tables")["tcp"]


def masquerade(director: Director, *lasts: int, key: ServiceKey = HTTP, port: int = 8080) -> None:
    director.serve(*lasts, key=key, forwarding=Forwarding.MASQUERADING, port=port)


def from_server(frame: bytes, last: int = 101) -> bytes:
    return DIRECTOR_MAC + server_mac(last) + frame[12:]


def answer(
    flags: int, *, port: int = 8080, to: int = 20010, last: int = 101, **more: object
) -> bytes:
    """A segment of a server to the client."""
    ends = {"source": str(server(last).address), "target": CLIENT} | more
    return from_server(tcp(flags, port=port, to=to, **ends), last)


def place_of_checksum(frame: bytes) -> int:
    return 34 + (16 if frame[23] == 6 else 6)


def pseudo(frame: bytes) -> bytes:
    return frame[26:34] + bytes([0, frame[23]]) + (len(frame) - 34).to_bytes(2)


def with_checksum(frame: bytes, value: int | None = None) -> bytes:
    """With the right one, or with this."""
    place = place_of_checksum(frame)
    if value is None:
        zeroed = frame[34:place] + b"\0\0" + frame[place + 2 :]
        value = checksum(pseudo(frame) + zeroed)
    return frame[:place] + value.to_bytes(2) + frame[place + 2 :]


def is_right(frame: bytes) -> bool:
    return checksum(frame[14:34]) == 0 and checksum(pseudo(frame) + frame[34:]) == 0


def ends(frame: bytes) -> tuple[str, int, str, int]:
    source, target, sport, dport = struct.unpack("!4s4sHH", frame[26:38])
    return str(IPv4Address(source)), sport, str(IPv4Address(target)), dport


def test_there_and_back(gateway: Director) -> None:
    masquerade(gateway, 101)
    numbers = random.Random(7)
    for port in range(1000, 1200):
        data = numbers.randbytes(numbers.randrange(40))
        verdict, out = gateway.send(with_checksum(tcp(SYN, port=port, data=data)))
        assert verdict == TX
        assert out[:12] == server_mac(101) + DIRECTOR_MAC
        assert ends(out) == (CLIENT, port, "192.168.1.101", 8080)
        assert out[22] == 63
        assert is_right(out)
        sent = with_checksum(answer(SYN | ACK, to=port, data=data))
        verdict, out = gateway.send(sent)
        assert verdict == TX
        assert out[:12] == GATEWAY_MAC + DIRECTOR_MAC
        assert ends(out) == (str(VIP), 80, CLIENT, port)
        assert out[22] == 63
        assert is_right(out)
        assert out[38:50] + out[52:] == sent[38:50] + sent[52:]
    counters = gateway.service().counters
    assert counters.packets_out == counters.packets_in == 200
    assert counters.bytes_out == counters.bytes_in


def test_datagrams(gateway: Director) -> None:
    masquerade(gateway, 101, key=DNS, port=5353)
    for size in range(30):
        asked = with_checksum(udp(port=size + 1001, data=bytes(range(size))))
        verdict, out = gateway.send(asked)
        assert (verdict, is_right(out)) == (TX, True)
        back = udp(port=5353, to=size + 1001, source="192.168.1.101", target=CLIENT, data=b"answer")
        verdict, out = gateway.send(from_server(with_checksum(back)))
        assert (verdict, is_right(out)) == (TX, True)
        assert ends(out) == (str(VIP), 53, CLIENT, size + 1001)


def test_a_datagram_without_checksum_stays_without(gateway: Director) -> None:
    masquerade(gateway, 101, key=DNS, port=5353)
    assert gateway.send(with_checksum(udp(), 0))[1][40:42] == b"\0\0"


def test_a_checksum_of_zero_is_written_as_ones(gateway: Director) -> None:
    masquerade(gateway, 101, key=DNS, port=5353)
    # The last two bytes make the translated datagram add up to nothing.
    out = gateway.send(with_checksum(udp(data=b"abcd\0\0")))[1]
    fill = out[40:42]
    out = gateway.send(with_checksum(udp(data=b"abcd" + fill)))[1]
    assert out[40:42] == b"\xff\xff"
    assert is_right(out)


def test_options_and_odd_lengths(gateway: Director) -> None:
    masquerade(gateway, 101)
    out = gateway.send(tcp(SYN, options=b"\x01" * 8, data=b"abc"))[1]
    assert checksum(out[14:42]) == 0
    assert out[30:34] == server(101).address.packed
    assert struct.unpack("!HH", out[42:46]) == (20010, 8080)


@pytest.fixture
def unfinished(gateway: Director) -> Iterator[Director]:
    """A director in generic mode, where senders leave checksums to hardware."""
    record = gateway.plane.tables.live["interfaces"][gateway.interface]
    record["partial_checksums"] = 1
    yield gateway
    record["partial_checksums"] = 0


def test_a_checksum_left_to_hardware_stays_so(unfinished: Director) -> None:
    masquerade(unfinished, 101)

    def left_out(frame: bytes) -> bytes:
        return with_checksum(frame, ~checksum(pseudo(frame)) & 0xFFFF)

    for size in (0, 1, 31, 1000):
        out = unfinished.send(left_out(tcp(SYN, data=bytes(size) + b"x")))[1]
        assert out == left_out(out)
        out = unfinished.send(left_out(answer(SYN | ACK, data=bytes(size) + b"x")))[1]
        assert ends(out)[:2] == (str(VIP), 80)
        assert out == left_out(out)
        for whole in (tcp(ACK, data=bytes(size)), answer(ACK, data=bytes(size))):
            assert is_right(unfinished.send(with_checksum(whole))[1])


def test_a_whole_checksum_that_looks_left_out(unfinished: Director) -> None:
    masquerade(unfinished, 101)
    frame = tcp(SYN, data=b"\0\0")
    partial = ~checksum(pseudo(frame)) & 0xFFFF
    # Data that makes the right checksum the same number as the pseudo header's sum.
    rest = checksum(pseudo(frame) + with_checksum(frame, 0)[34:])
    lucky = with_checksum(frame[:-2] + ((rest - partial) % 0xFFFF).to_bytes(2), partial)
    assert is_right(lucky)
    assert is_right(unfinished.send(lucky)[1])


def test_servers_of_several_services(gateway: Director) -> None:
    """The same server and port behind many ports of the VIP: each reply finds its own."""
    keys = [ServiceKey(Protocol.TCP, VIP, 8000 + n) for n in range(40)]
    real = Destination(server(101, 8080), forwarding=Forwarding.MASQUERADING)
    gateway.plane.apply([Service(key, Settings("rr"), (real,)) for key in keys])
    for n, key in enumerate(keys):
        assert ends(gateway.send(tcp(SYN, port=100 + n, to=key.port))[1])[2:] == (
            "192.168.1.101",
            8080,
        )
    for n, key in enumerate(keys):
        assert ends(gateway.send(answer(SYN | ACK, to=100 + n))[1])[:2] == (str(VIP), key.port)
    gateway.plane.apply([Service(key, Settings("rr"), (real,)) for key in keys[::2]])
    for n, key in enumerate(keys):
        assert ends(gateway.send(answer(ACK, to=100 + n))[1])[:2] == (str(VIP), key.port)
    gateway.expire_all()
    gateway.poll()
    gateway.poll(TRASH_PERIOD / 1e9 + 1)
    gateway.poll()
    assert gateway.send(answer(ACK, to=101))[0] == PASS
    gateway.send(tcp(SYN, port=100, to=8000))
    assert ends(gateway.send(answer(SYN | ACK, to=100))[1])[:2] == (str(VIP), 8000)
    gateway.plane.apply([])
    gateway.expire_all()
    gateway.poll()
    gateway.poll(TRASH_PERIOD / 1e9 + 1)
    live = gateway.plane.tables.live
    assert live["masqueraded"] == 0
    assert not live["server_filter"].any()


@pytest.mark.parametrize(
    "frame",
    [
        answer(ACK, to=9),
        answer(ACK, port=8081),
        answer(ACK, last=102),
        answer(ACK, target="10.0.0.10"),
        answer(ACK)[:6] + answer(ACK)[6:12] + b"\x86\xdd" + answer(ACK)[14:],
        GATEWAY_MAC + answer(ACK)[6:],
        from_server(udp(port=8080, to=20010, source="192.168.1.101", target=CLIENT)),
    ],
)
def test_what_is_no_reply_passes_untouched(gateway: Director, frame: bytes) -> None:
    masquerade(gateway, 101)
    gateway.send(tcp(SYN))
    record = gateway.plane.tables.live["interfaces"][gateway.interface]
    record["mac"] = int.from_bytes(DIRECTOR_MAC, "little")
    try:
        assert gateway.send(frame) == (PASS, frame)
    finally:
        record["mac"] = 0


def test_replies_of_direct_connections_are_not_translated(gateway: Director) -> None:
    masquerade(gateway, 101, port=80)
    gateway.send(tcp(SYN, port=1))
    gateway.serve(101)
    gateway.send(tcp(SYN, port=2))
    assert gateway.send(answer(ACK, port=80, to=2))[0] == PASS
    # Those begun before go on as they were (ipvs-semantics 1.1).
    assert ends(gateway.send(tcp(ACK, port=1))[1])[2] == "192.168.1.101"
    assert ends(gateway.send(answer(ACK, port=80, to=1))[1])[0] == str(VIP)
    assert ends(gateway.send(tcp(ACK, port=2))[1])[2] == str(VIP)


def test_a_removed_server_still_answers_its_clients(gateway: Director) -> None:
    masquerade(gateway, 101, 102)
    assert ends(gateway.send(tcp(SYN))[1])[2] == "192.168.1.102"
    masquerade(gateway, 101)
    assert gateway.send(tcp(ACK))[0] == DROP
    assert gateway.send(answer(ACK, last=102))[0] == TX


def test_a_later_owner_leads_replies_too(gateway: Director) -> None:
    masquerade(gateway, 101)
    gateway.send(tcp(SYN))
    live = gateway.plane.tables.live
    live["masqueraded"], live["server_filter"][:] = 0, 0
    gateway.plane = XdpDataplane(gateway.plane._loaded)
    assert gateway.send(answer(SYN | ACK))[0] == TX


def put_state(director: Director, state: TcpState, *, answered: bool) -> None:
    flows, loads = director.plane.tables.flows, director.plane.tables.loads
    (place,) = flows["control"].nonzero()[0]
    control = int(flows["control"][place])
    flows["control"][place] = control & ~(63 << 56) | state << 56 | (not answered) << 61
    if state.name not in load("state-tables")["tcp"]["active"]:
        loads["connections"][destination_of(control)] -= np.uint64(1)


@pytest.mark.parametrize(("tables", "secure"), [("normal", 0), ("secure_tcp", 3)])
@pytest.mark.parametrize("event", list(FLAGS))
@pytest.mark.parametrize("direction", ["input", "output"])
def test_every_state(
    gateway: Director, event: str, direction: str, tables: str, secure: int
) -> None:
    gateway.plane.set_behaviour(Behaviour(secure_tcp=secure))
    masquerade(gateway, 101)
    for state in TcpState:
        gateway.send(tcp(SYN))
        put_state(gateway, state, answered=True)
        if direction == "output":
            assert gateway.send(answer(FLAGS[event]))[0] == TX
        elif event == "syn" and state in REUSABLE:
            continue
        else:
            assert gateway.send(tcp(FLAGS[event]))[0] == TX
        expected = TABLES[tables][direction][event][state]
        assert gateway.state() == expected, state
        active = expected in load("state-tables")["tcp"]["active"]
        assert gateway.service().destinations[0].active_connections == active
        gateway.expire_all()
        gateway.poll()
        gateway.plane.tables.counters[...] = 0


def test_the_first_reply_ends_being_one_way(gateway: Director) -> None:
    masquerade(gateway, 101)
    gateway.send(tcp(SYN))
    put_state(gateway, TcpState.ESTABLISHED, answered=False)
    gateway.send(answer(ACK))
    gateway.send(tcp(FIN | ACK))
    assert gateway.state() == "CLOSE_WAIT"


def change(command: str) -> None:
    """A change of the kernel's routing, which the program sees with its next tick."""
    subprocess.run(command.split(), check=True)
    time.sleep(TICK)


def test_a_reply_too_big_for_the_client(gateway: Director) -> None:
    masquerade(gateway, 101)
    gateway.send(tcp(SYN))
    change(f"ip route add {CLIENT} via {GATEWAY} mtu lock 1000")
    try:
        assert gateway.send(answer(ACK, data=bytes(960)))[0] == TX
        verdict, out = gateway.send(answer(ACK, data=bytes(961)))
        assert (verdict, out[34:36], out[40:42]) == (TX, b"\3\4", b"\3\xe8")
        assert out[26:34] == DIRECTOR.packed + server(101).address.packed
        assert out[:6] == server_mac(101)
        assert out[42:] == answer(ACK, data=bytes(961))[14 : 14 + 548]
    finally:
        change(f"ip route del {CLIENT}")


def test_an_unknown_way_to_the_client_is_asked_for(gateway: Director) -> None:
    masquerade(gateway, 101)
    gateway.send(tcp(SYN))
    change(f"ip neigh del {GATEWAY} dev {INTERFACE}")
    try:
        assert gateway.send(answer(SYN | ACK))[0] == DROP
        assert gateway.plane.events()[Event.UNRESOLVED] == 1
        assert gateway.plane.unresolved_hop() == (gateway.interface, IPv4Address(GATEWAY))
        assert gateway.plane.unresolved_hop() is None
        assert gateway.state() == "SYN_RECV"
    finally:
        add = f"ip neigh add {GATEWAY} lladdr {mac_text(GATEWAY_MAC)} dev {INTERFACE}"
        change(add)
    assert gateway.send(answer(SYN | ACK))[0] == TX


def test_a_director_that_does_not_route_leaves_replies_to_its_kernel(gateway: Director) -> None:
    masquerade(gateway, 101)
    gateway.send(tcp(SYN))
    change("sysctl -qw net.ipv4.ip_forward=0")
    try:
        sent = answer(SYN | ACK)
        assert gateway.send(sent) == (PASS, sent)
    finally:
        change("sysctl -qw net.ipv4.ip_forward=1")


def test_a_full_table_keeps_masquerading(gateway: Director) -> None:
    """Without an entry, the server is chosen by hash, and its replies are its service's."""
    masquerade(gateway, 101, 102)
    tables = gateway.plane.tables
    buckets = tables.flows.reshape(-1, 4)
    gateway.send(tcp(SYN))
    buckets["overflow"][:, 0] = 0xFFFF0000  # never mind where: a while from now
    tick = int(tables.tick())
    buckets["overflow"][:, 0] = tick + 1000
    tables.flows["control"] = 0
    verdict, out = gateway.send(tcp(ACK))
    assert verdict == TX
    last = out[33]
    verdict, out = gateway.send(answer(ACK, last=last))
    assert (verdict, ends(out)) == (TX, (str(VIP), 80, CLIENT, 20010))
    assert gateway.plane.events()[Event.HASHED] == 2


def test_the_director_itself_takes_packets_as_they_are(gateway: Director) -> None:
    gateway.plane.set_local([server(101).address])
    masquerade(gateway, 101)
    assert gateway.send(tcp(SYN)) == (PASS, tcp(SYN))
    gateway.plane.set_local([])


def test_fragment_of_nothing(gateway: Director) -> None:
    masquerade(gateway, 101)
    sent = from_server(
        tcp(SYN)[:14] + ip(bytes(30), source="192.168.1.101", target=CLIENT, fragment=0x0001)
    )
    assert gateway.send(sent) == (PASS, sent)

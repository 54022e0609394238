"""Later fragments go where their first went."""

import itertools

from frames import (
    DIRECTOR_MAC,
    DNS,
    DROP,
    PASS,
    TX,
    VIP,
    Director,
    checksum,
    ethernet,
    ip,
    server,
    server_mac,
    udp,
)

from trimaran.dataplane.base import Tunnel, TunnelChecksum, TunnelType
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.layout import TICKS_PER_SECOND, Event
from trimaran.dataplane.xdp.tables import FRAGMENTS
from trimaran.model.service import Forwarding

CLIENT = "10.0.0.9"
MORE = 0x2000
NUMBERS = itertools.count(1000)
PIECE = 1000
ROOM_FOR_FRAGMENTS = 16384
DATA = bytes(range(256)) * 10


def with_checksum(datagram: bytes, source: str, target: str) -> bytes:
    whole = ip(datagram, 17, source=source, target=target)
    pseudo = whole[12:20] + b"\0\x11" + len(datagram).to_bytes(2)
    return datagram[:6] + checksum(pseudo + datagram).to_bytes(2) + datagram[8:]


def fragments(
    *,
    port: int = 20010,
    to: int = 53,
    source: str = CLIENT,
    target: str = str(VIP),
    number: int | None = None,
) -> list[bytes]:
    """The frames of a fragmented datagram, with an identification of its own or this."""
    number = next(NUMBERS) if number is None else number
    datagram = udp(port=port, to=to, data=DATA)[34:]
    datagram = with_checksum(datagram[:6] + b"\0\0" + datagram[8:], source, target)
    frames = []
    for at in range(0, len(datagram), PIECE):
        piece = datagram[at : at + PIECE]
        more = MORE if at + PIECE < len(datagram) else 0
        packet = ip(piece, 17, source=source, target=target, fragment=more | at // 8)
        packet = packet[:4] + number.to_bytes(2) + packet[6:10] + b"\0\0" + packet[12:]
        packet = packet[:10] + checksum(packet[:20]).to_bytes(2) + packet[12:]
        frames.append(ethernet(packet))
    return frames


def joined(frames: list[bytes]) -> bytes:
    """The datagram again, after its checksums were found right."""
    assert all(checksum(frame[14:34]) == 0 for frame in frames)
    datagram = b"".join(frame[34:] for frame in frames)
    pseudo = frames[0][26:34] + b"\0\x11" + len(datagram).to_bytes(2)
    assert checksum(pseudo + datagram) == 0
    return datagram


def test_they_follow_their_first(director: Director) -> None:
    director.serve(101, 102, key=DNS)
    sent = [fragments(port=port, number=port) for port in (1, 2, 3, 4)]
    chosen = [[director.chosen(frame) for frame in frames] for frames in zip(*sent, strict=True)]
    assert chosen[0] == [102, 101, 102, 101]
    assert chosen[1] == chosen[2] == chosen[0]
    assert director.service(DNS).counters.packets_in == 12


def test_more_packets_than_there_is_room_for(director: Director) -> None:
    """The table stays as it is (memory); the newest are followed, the oldest are not."""
    director.serve(101, 102, key=DNS)
    first, last = fragments(number=1), fragments(number=2)
    assert director.chosen(first[0])
    for source in range(ROOM_FOR_FRAGMENTS + 2000):
        frame = fragments(source=f"10.3.{source >> 8}.{source & 255}", number=9)[0]
        assert director.chosen(frame)
    assert director.chosen(last[0])
    assert director.chosen(last[1])
    assert director.send(first[1])[0] == PASS
    table = director.plane.tables.descriptors()[FRAGMENTS]
    assert libbpf.map_info(table).max_entries == ROOM_FOR_FRAGMENTS
    assert len(list(libbpf.keys(table, libbpf.map_info(table).key_size))) <= ROOM_FOR_FRAGMENTS


def test_masquerading_both_ways(gateway: Director) -> None:
    gateway.serve(101, key=DNS, forwarding=Forwarding.MASQUERADING, port=5353)
    results = [gateway.send(frame) for frame in fragments()]
    assert [verdict for verdict, _ in results] == [TX] * 3
    outs = [out for _, out in results]
    assert {out[30:34] for out in outs} == {server(101).address.packed}
    assert joined(outs)[8:] == DATA
    back = fragments(port=5353, to=20010, source=str(server(101).address), target=CLIENT)
    results = [gateway.send(frame) for frame in back]
    assert [verdict for verdict, _ in results] == [TX] * 3
    outs = [out for _, out in results]
    assert {out[26:30] for out in outs} == {VIP.packed}
    assert joined(outs)[:4] == (53).to_bytes(2) + (20010).to_bytes(2)
    assert gateway.service(DNS).counters.packets_out == 3


def test_in_a_tunnel_each_is_wrapped(director: Director) -> None:
    gre = Tunnel(TunnelType.GRE, checksum=TunnelChecksum.FULL)
    director.serve(101, key=DNS, forwarding=Forwarding.TUNNEL, tunnel=gre)
    outs = [director.send(frame)[1] for frame in fragments()]
    assert all(checksum(out[34:]) == 0 for out in outs)
    assert joined([out[:14] + out[42:] for out in outs])[8:] == DATA


def test_without_their_first_they_are_the_kernels(director: Director) -> None:
    director.serve(101, key=DNS)
    first, second, _ = fragments()
    assert director.send(second) == (PASS, second)
    assert director.chosen(first) == 101
    assert director.chosen(second) == 101
    for other in (fragments(), fragments(source="10.0.0.8", number=int.from_bytes(first[18:20]))):
        assert director.send(other[1]) == (PASS, other[1])
    assert director.plane.events()[Event.FRAGMENT] == 3
    # What the first fragment shows to be no service's stays the kernel's altogether.
    for frame in fragments(to=54):
        assert director.send(frame) == (PASS, frame)


def test_they_are_forgotten_after_a_while(director: Director) -> None:
    director.serve(101, key=DNS)
    first, second, _ = fragments()
    director.send(first)
    live = director.plane.tables.live
    multiplier = int(live["tick_multiplier"])
    try:
        # The clock, made to run at another speed, has jumped.
        now = director.plane.tables.tick()
        ahead = 3000 * TICKS_PER_SECOND
        live["tick_multiplier"] = int(multiplier * (now + ahead) / now)
        director.poll()
        assert director.send(second) == (PASS, second)
    finally:
        live["tick_multiplier"] = multiplier
        director.poll()


def test_of_a_removed_server(director: Director) -> None:
    director.serve(101, 102, key=DNS)
    first, second, _ = fragments()
    assert director.chosen(first) == 102
    director.serve(101, key=DNS)
    assert director.send(second)[0] == DROP


def test_later_fragments_draw_no_errors(director: Director) -> None:
    director.serve(101, key=DNS)
    first, second, _ = fragments()
    director.send(first)
    header = second[14:22] + b"\1" + second[23:24] + b"\0\0" + second[26:34]
    header = header[:10] + checksum(header).to_bytes(2) + header[12:]
    assert director.send(second[:14] + header + second[34:])[0] == DROP


def test_from_the_servers_mac_to_nobody_we_know(gateway: Director) -> None:
    gateway.serve(101, key=DNS, forwarding=Forwarding.MASQUERADING, port=5353)
    back = fragments(port=5353, to=20010, source=str(server(101).address), target=CLIENT)
    for frame in back:
        sent = DIRECTOR_MAC + server_mac(101) + frame[12:]
        assert gateway.send(sent) == (PASS, sent)

"""An advertisement as an Ethernet frame, from a virtual router's own MAC address (RFC 9568, 7.3).

To groups only: where a unicast peer's frames have to go, only the kernel knows.
"""

import struct

from trimaran.model.ip import IPAddress
from trimaran.model.transport import PROTOCOL
from trimaran.vrrp.exchange import Outgoing
from trimaran.vrrp.packet import checksum

_ETHERTYPE_IPV4, _ETHERTYPE_IPV6 = 0x0800, 0x86DD
_CS6 = 48 << 2
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_DO_NOT_FRAGMENT = 0x4000
_CHECKSUM = slice(10, 12)
"""Of an IPv4 header."""


def frame(outgoing: Outgoing, source: IPAddress, mac: bytes, *, sealed: bool = False) -> bytes:
    """The whole frame. `sealed`: what goes out is a datagram of IPv4 already, but for its
    header's checksum."""
    group = outgoing.destination
    datagram = outgoing.data if sealed else _header(outgoing, source) + outgoing.data
    if group.version == 4:
        header = bytearray(datagram[: _IPV4.size])
        header[_CHECKSUM] = checksum(bytes(header)).to_bytes(2, "big")
        datagram = bytes(header) + datagram[_IPV4.size :]
    ethertype = _ETHERTYPE_IPV4 if group.version == 4 else _ETHERTYPE_IPV6
    return _group_mac(group) + mac + ethertype.to_bytes(2, "big") + datagram


def _header(outgoing: Outgoing, source: IPAddress) -> bytes:
    group, ttl, length = outgoing.destination, outgoing.ttl, len(outgoing.data)
    addresses = (source.packed, group.packed)
    if group.version == 6:
        return _IPV6.pack(6 << 28 | _CS6 << 20, length, PROTOCOL, ttl, *addresses)
    total = _IPV4.size + length
    return _IPV4.pack(0x45, _CS6, total, 0, _DO_NOT_FRAGMENT, ttl, PROTOCOL, 0, *addresses)


def _group_mac(group: IPAddress) -> bytes:
    """Where frames to a multicast group go (RFC 1112, 6.4; RFC 2464, 7)."""
    if group.version == 6:
        return b"\x33\x33" + group.packed[-4:]
    low = int(group) & 0x7FFFFF
    return b"\x01\x00\x5e" + low.to_bytes(3, "big")

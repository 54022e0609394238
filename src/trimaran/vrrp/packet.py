"""VRRP advertisements as bytes: version 2 (RFC 3768, IPv4) and version 3 (RFC 9568, both).

`encode` makes the payload of IP protocol 112. `decode` reads a whole IPv4 datagram, as a raw
socket delivers it; `decode_ipv6` a payload and what a socket tells about its header. Input is
hostile: any bytes give either `Received` or `Discarded` with the reason, never an exception. What
depends on a virtual router's own settings (authentication, interval, version, TTL) `exchange`
judges.

Version 3 checksums are sent with the pseudo header, as keepalived does by default. On reception,
over IPv4, the checksum without it is good as well: implementations are split over RFC 5798.
An advertisement may be without addresses, as keepalived allows: an election for its own sake.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.transport import GROUP, GROUP6, PROTOCOL
from trimaran.vrrp import ah
from trimaran.vrrp.ah import Seal

OWNER_PRIORITY = 255
"""The priority of a router that owns the virtual addresses: master whenever it is up."""
PASSWORD_LENGTH = 8

_CENTISECOND = 10 * MILLISECOND
_ADVERTISEMENT = 1
_HEADER = struct.Struct("!BBBBHH")
_IPV4_HEADER = 20
_AUTHENTICATION_NONE, _AUTHENTICATION_PASSWORD, _AUTHENTICATION_AH = 0, 1, 2


class Reason(StrEnum):
    """Why a datagram was discarded; the names under which discards are counted."""

    IP_HEADER = "ip header"
    TTL = "ttl"
    DESTINATION = "destination"
    SOURCE = "source"
    LENGTH = "length"
    VERSION = "version"
    TYPE = "type"
    CHECKSUM = "checksum"
    AUTHENTICATION_TYPE = "authentication type"
    PASSWORD = "authentication password"
    DIGEST = "authentication digest"
    REPLAY = "authentication replay"
    INTERVAL = "interval"
    OWN_PACKET = "own packet"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """The contents of one advertisement.

    `interval` is in nanoseconds: whole seconds 1 to 255 in version 2, hundredths of a second up
    to 40.95 s in version 3. `password` is that of version 2's simple text authentication, up to
    8 bytes without trailing NULs; None: none. All addresses are of one family.
    """

    version: int
    vrid: int
    priority: int
    interval: int
    addresses: tuple[IPAddress, ...]
    password: bytes | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A well-formed advertisement, who sent it, and how it came.

    `ttl`: IPv4's TTL or IPv6's hop limit. `unicast`: it was sent to this host alone.
    """

    advertisement: Advertisement
    sender: IPAddress
    ttl: int = 255
    unicast: bool = False
    seal: Seal | None = None

    @property
    def vrid(self) -> int:
        """The virtual router that it concerns."""
        return self.advertisement.vrid


@dataclass(frozen=True, slots=True)
class Discarded:
    """A datagram that is no valid advertisement. `vrid` and `sender` as far as readable."""

    reason: Reason
    detail: str
    vrid: int | None = None
    sender: IPAddress | None = None


def encode(
    advertisement: Advertisement,
    source: IPAddress,
    destination: IPAddress | None = None,
    *,
    plain_checksum: bool = False,
    sealed: bool = False,
) -> bytes:
    """The VRRP payload of an advertisement that goes from `source` to `destination`.

    None: the usual group. `plain_checksum`: see `Transport`; `sealed`: it will travel behind an
    authentication header. Raises ValueError if a field cannot be expressed in its version.
    """
    a = advertisement
    if destination is None:
        destination = GROUP if source.version == 4 else GROUP6
    addresses = b"".join(address.packed for address in a.addresses)
    if a.version == 2 and source.version == 4:
        timing = _units(a.interval, SECOND, 255)
        if sealed:
            timing |= _AUTHENTICATION_AH << 8
        elif a.password is not None:
            timing |= _AUTHENTICATION_PASSWORD << 8
        password = b"" if sealed or a.password is None else a.password
        trailer = password[:PASSWORD_LENGTH].ljust(PASSWORD_LENGTH, b"\0")
        pseudo_header = b""
    elif a.version == 3:
        timing = _units(a.interval, _CENTISECOND, 4095)
        trailer = b""
        length = _HEADER.size + len(addresses)
        pseudo_header = _pseudo_header(source, destination, length)
        if plain_checksum and source.version == 4:
            pseudo_header = b""
    else:
        raise ValueError(f"there is no VRRP version {a.version} for IPv{source.version}")
    for name, value in (("VRID", a.vrid), ("priority", a.priority), ("count", len(a.addresses))):
        if not 0 <= value <= 255:
            raise ValueError(f"{name} {value} does not fit in an advertisement")

    def header(checksum: int) -> bytes:
        first = a.version << 4 | _ADVERTISEMENT
        return _HEADER.pack(first, a.vrid, a.priority, len(a.addresses), timing, checksum)

    body = addresses + trailer
    return header(checksum(pseudo_header + header(0) + body)) + body


def decode(datagram: bytes) -> Received | Discarded:
    """Read an IPv4 datagram with its header, as a raw socket delivers it."""
    if (
        len(datagram) < _IPV4_HEADER
        or datagram[0] >> 4 != 4
        or datagram[9] not in (PROTOCOL, ah.PROTOCOL)
    ):
        return Discarded(Reason.IP_HEADER, "not an IPv4 datagram of protocol 112 or 51")
    start = (datagram[0] & 0x0F) * 4
    end = int.from_bytes(datagram[2:4], "big")
    if start < _IPV4_HEADER or not start <= end <= len(datagram):
        return Discarded(Reason.IP_HEADER, "the lengths in the IP header are wrong")
    sender, destination = IPv4Address(datagram[12:16]), IPv4Address(datagram[16:20])
    seal = None
    if datagram[9] == ah.PROTOCOL:
        seal = ah.unseal(datagram[:end], start)
        if seal is None:
            detail = "the authentication header is wrong"
            return Discarded(Reason.IP_HEADER, detail, sender=sender)
        start += ah.LENGTH
    return _received(datagram[start:end], sender, destination, datagram[8], seal)


def decode_ipv6(
    payload: bytes, sender: IPv6Address, destination: IPv6Address, hop_limit: int
) -> Received | Discarded:
    """Read the payload of an IPv6 datagram of protocol 112."""
    return _received(payload, sender, destination, hop_limit, None)


def _received(
    payload: bytes,
    sender: IPAddress,
    destination: IPAddress,
    ttl: int,
    seal: Seal | None,
) -> Received | Discarded:
    result = _decode_payload(payload, sender, destination, sealed=seal is not None)
    if isinstance(result, Advertisement):
        return Received(result, sender, ttl, not destination.is_multicast, seal)
    reason, detail = result
    vrid = payload[1] if len(payload) > 1 else None
    return Discarded(reason, detail, vrid, sender)


def _decode_payload(
    payload: bytes, sender: IPAddress, destination: IPAddress, *, sealed: bool
) -> Advertisement | tuple[Reason, str]:
    if len(payload) < _HEADER.size:
        return Reason.LENGTH, f"{len(payload)} bytes, less than the header's {_HEADER.size}"
    first, vrid, priority, count, timing, _ = _HEADER.unpack_from(payload)
    version, packet_type = first >> 4, first & 0x0F
    if version not in (2, 3) or (version == 2 and sender.version == 6):
        return Reason.VERSION, f"version {version}"
    if packet_type != _ADVERTISEMENT:
        return Reason.TYPE, f"type {packet_type} is not an advertisement"
    size = len(sender.packed)
    addresses_end = _HEADER.size + size * count
    expected = addresses_end + (PASSWORD_LENGTH if version == 2 else 0)
    if len(payload) != expected:
        return Reason.LENGTH, f"{len(payload)} bytes, {expected} expected for {count} addresses"
    if not _checksum_good(version, payload, sender, destination):
        return Reason.CHECKSUM, "wrong checksum"
    family = type(sender)
    addresses = tuple(
        family(payload[at : at + size]) for at in range(_HEADER.size, addresses_end, size)
    )
    if version == 3:
        interval, password = (timing & 0x0FFF) * _CENTISECOND, None
    else:
        interval = (timing & 0xFF) * SECOND
        kind = timing >> 8
        if kind not in (_AUTHENTICATION_NONE, _AUTHENTICATION_PASSWORD, _AUTHENTICATION_AH):
            return Reason.AUTHENTICATION_TYPE, f"authentication type {kind}"
        if (kind == _AUTHENTICATION_AH) != sealed:
            detail = "an authentication header" + ("" if sealed else " is missing")
            return Reason.AUTHENTICATION_TYPE, f"authentication type {kind}, {detail}"
        secret = payload[addresses_end:].rstrip(b"\0")
        password = secret if kind == _AUTHENTICATION_PASSWORD else None
    if interval == 0:
        return Reason.INTERVAL, "advertisement interval 0"
    return Advertisement(version, vrid, priority, interval, addresses, password)


def _units(interval: int, unit: int, largest: int) -> int:
    """`interval` in whole units, or ValueError."""
    units, rest = divmod(interval, unit)
    if rest or not 1 <= units <= largest:
        raise ValueError(f"an advertisement interval of {interval} ns cannot be sent")
    return units


def _pseudo_header(source: IPAddress, destination: IPAddress, length: int) -> bytes:
    """RFC 9568, 5.2.8; for IPv6 as RFC 8200, 8.1, has it."""
    if source.version == 4:
        return source.packed + destination.packed + struct.pack("!BBH", 0, PROTOCOL, length)
    return source.packed + destination.packed + struct.pack("!IxxxB", length, PROTOCOL)


def _checksum_good(version: int, payload: bytes, sender: IPAddress, destination: IPAddress) -> bool:
    if sender.version == 4 and checksum(payload) == 0:
        return True
    pseudo_header = _pseudo_header(sender, destination, len(payload))
    return version == 3 and checksum(pseudo_header + payload) == 0


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071); every VRRP packet has an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF

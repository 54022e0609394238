"""VRRP advertisements as bytes: version 2 (RFC 3768) and version 3 for IPv4 (RFC 9568).

`encode` makes the payload of IP protocol 112; `decode` reads a whole IP datagram, because the
rules of reception (RFC 3768, 7.1; RFC 9568, 7.1) concern its header too. Input is hostile: any
bytes give either `Received` or `Discarded` with the reason, never an exception. What depends on
a virtual router's own settings (authentication, interval, version) its machine judges.

Version 3 checksums are sent with the IPv4 pseudo header, as keepalived does by default. On
reception the checksum without it is good as well: implementations are split over RFC 5798.
An advertisement may be without addresses, as keepalived allows: an election for its own sake.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from trimaran.model.duration import MILLISECOND, SECOND

PROTOCOL = 112
GROUP = IPv4Address("224.0.0.18")
OWNER_PRIORITY = 255
"""The priority of a router that owns the virtual addresses: master whenever it is up."""
PASSWORD_LENGTH = 8

_CENTISECOND = 10 * MILLISECOND
_ADVERTISEMENT = 1
_TTL = 255
_HEADER = struct.Struct("!BBBBHH")
_AUTHENTICATION_NONE, _AUTHENTICATION_PASSWORD = 0, 1


class Reason(StrEnum):
    """Why a datagram was discarded; the names under which discards are counted."""

    IP_HEADER = "ip header"
    TTL = "ttl"
    DESTINATION = "destination"
    LENGTH = "length"
    VERSION = "version"
    TYPE = "type"
    CHECKSUM = "checksum"
    AUTHENTICATION_TYPE = "authentication type"
    PASSWORD = "authentication password"
    INTERVAL = "interval"
    OWN_PACKET = "own packet"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """The contents of one advertisement.

    `interval` is in nanoseconds: whole seconds 1 to 255 in version 2, hundredths of a second up
    to 40.95 s in version 3. `password` is that of version 2's simple text authentication, up to
    8 bytes without trailing NULs; None: not authenticated.
    """

    version: int
    vrid: int
    priority: int
    interval: int
    addresses: tuple[IPv4Address, ...]
    password: bytes | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A well-formed advertisement, and the address that sent it."""

    advertisement: Advertisement
    sender: IPv4Address

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
    sender: IPv4Address | None = None


def encode(advertisement: Advertisement, source: IPv4Address) -> bytes:
    """The VRRP payload of an advertisement that goes from `source` to the VRRP group.

    Raises ValueError if a field cannot be expressed in the advertisement's version.
    """
    a = advertisement
    addresses = b"".join(address.packed for address in a.addresses)
    if a.version == 2:
        timing = _units(a.interval, SECOND, 255)
        if a.password is not None:
            timing |= _AUTHENTICATION_PASSWORD << 8
        trailer = (a.password or b"")[:PASSWORD_LENGTH].ljust(PASSWORD_LENGTH, b"\0")
        pseudo_header = b""
    elif a.version == 3:
        timing = _units(a.interval, _CENTISECOND, 4095)
        trailer = b""
        length = _HEADER.size + len(addresses)
        pseudo_header = _pseudo_header(source, GROUP, length)
    else:
        raise ValueError(f"there is no VRRP version {a.version} for IPv4")
    for name, value in (("VRID", a.vrid), ("priority", a.priority), ("count", len(a.addresses))):
        if not 0 <= value <= 255:
            raise ValueError(f"{name} {value} does not fit in an advertisement")

    def header(checksum: int) -> bytes:
        first = a.version << 4 | _ADVERTISEMENT
        return _HEADER.pack(first, a.vrid, a.priority, len(a.addresses), timing, checksum)

    body = addresses + trailer
    return header(_checksum(pseudo_header + header(0) + body)) + body


def decode(datagram: bytes) -> Received | Discarded:
    """Read an IPv4 datagram with its header, as a raw socket delivers it."""
    if len(datagram) < 20 or datagram[0] >> 4 != 4 or datagram[9] != PROTOCOL:
        return Discarded(Reason.IP_HEADER, "not an IPv4 datagram of protocol 112")
    start = (datagram[0] & 0x0F) * 4
    end = int.from_bytes(datagram[2:4], "big")
    if start < 20 or not start <= end <= len(datagram):
        return Discarded(Reason.IP_HEADER, "the lengths in the IP header are wrong")
    sender = IPv4Address(datagram[12:16])
    destination = IPv4Address(datagram[16:20])
    payload = datagram[start:end]
    vrid = payload[1] if len(payload) > 1 else None

    if datagram[8] != _TTL:
        return Discarded(Reason.TTL, f"TTL {datagram[8]} instead of 255", vrid, sender)
    if destination != GROUP:
        return Discarded(Reason.DESTINATION, f"sent to {destination}, not {GROUP}", vrid, sender)
    result = _decode_payload(payload, sender)
    if isinstance(result, Advertisement):
        return Received(result, sender)
    reason, detail = result
    return Discarded(reason, detail, vrid, sender)


def _decode_payload(payload: bytes, sender: IPv4Address) -> Advertisement | tuple[Reason, str]:
    if len(payload) < _HEADER.size:
        return Reason.LENGTH, f"{len(payload)} bytes, less than the header's {_HEADER.size}"
    first, vrid, priority, count, timing, _ = _HEADER.unpack_from(payload)
    version, packet_type = first >> 4, first & 0x0F
    if version not in (2, 3):
        return Reason.VERSION, f"version {version}"
    if packet_type != _ADVERTISEMENT:
        return Reason.TYPE, f"type {packet_type} is not an advertisement"
    addresses_end = _HEADER.size + 4 * count
    expected = addresses_end + (PASSWORD_LENGTH if version == 2 else 0)
    if len(payload) != expected:
        return Reason.LENGTH, f"{len(payload)} bytes, {expected} expected for {count} addresses"
    if not _checksum_good(version, payload, sender):
        return Reason.CHECKSUM, "wrong checksum"
    addresses = tuple(
        IPv4Address(payload[at : at + 4]) for at in range(_HEADER.size, addresses_end, 4)
    )
    if version == 3:
        interval, password = (timing & 0x0FFF) * _CENTISECOND, None
    else:
        interval = (timing & 0xFF) * SECOND
        authentication = timing >> 8
        if authentication not in (_AUTHENTICATION_NONE, _AUTHENTICATION_PASSWORD):
            return Reason.AUTHENTICATION_TYPE, f"authentication type {authentication}"
        secret = payload[addresses_end:].rstrip(b"\0")
        password = secret if authentication == _AUTHENTICATION_PASSWORD else None
    if interval == 0:
        return Reason.INTERVAL, "advertisement interval 0"
    return Advertisement(version, vrid, priority, interval, addresses, password)


def _units(interval: int, unit: int, largest: int) -> int:
    """`interval` in whole units, or ValueError."""
    units, rest = divmod(interval, unit)
    if rest or not 1 <= units <= largest:
        raise ValueError(f"an advertisement interval of {interval} ns cannot be sent")
    return units


def _pseudo_header(source: IPv4Address, destination: IPv4Address, length: int) -> bytes:
    return source.packed + destination.packed + struct.pack("!BBH", 0, PROTOCOL, length)


def _checksum_good(version: int, payload: bytes, sender: IPv4Address) -> bool:
    if _checksum(payload) == 0:
        return True
    return version == 3 and _checksum(_pseudo_header(sender, GROUP, len(payload)) + payload) == 0


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071); every VRRP packet has an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF

"""Synchronisation datagrams, versions 0 and 1: bytes to records and back (ipvs-semantics 4.10).

What arrives is hostile until proven otherwise: nothing is read past the datagram, and a record
that is not well formed ends the reading, as in the kernel (golden `sync/backup.json`).
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from trimaran.sync.record import SEQUENCE, Flag, Record, acceptable

_HEADER: Final = struct.Struct("!BBHBBH")
_HEADER_V0: Final = struct.Struct("!BBH")
_FIXED: Final = struct.Struct("!BBHIHHHHII")
_RECORD_V0: Final = struct.Struct("!BBHHH4s4s4sHH")
_SEQUENCE: Final = struct.Struct("!6I")
_SEQUENCE_V0: Final = struct.Struct("=6I")
_IPV6: Final = 1
_OPTION_SEQUENCE, _OPTION_ENGINE_DATA, _OPTION_ENGINE = 1, 2, 3
_IGNORABLE: Final = 0x40
_LONGEST_ENGINE_NAME: Final = 15
_MOST_RECORDS: Final = 255
_END: Final = b"end\0"

HEADER_LENGTH: Final = _HEADER.size


@dataclass(frozen=True, slots=True)
class Received:
    """What a datagram said: the records that count, and why others do not.

    `request` and `end`: it is one of the two that directors of trimaran add to the protocol, of
    no records, so that kernels pay no attention: `tell me everything`, and `that was all`.
    """

    records: tuple[Record, ...] = ()
    discarded: tuple[str, ...] = ()
    request: bool = False
    end: bool = False


class _Malformed(Exception):
    """The rest of the datagram cannot be read."""


def decode(data: bytes, syncid: int) -> Received:
    """Read a datagram. `syncid` of this director: 0 takes those of all."""
    if len(data) < _HEADER_V0.size:
        return Received(discarded=("datagram too short",))
    count, sender, size = _HEADER_V0.unpack_from(data)
    if size != len(data):
        return Received(discarded=("size field does not match",))
    if syncid and sender != syncid:
        return Received(discarded=("other syncid",))
    if len(data) >= _HEADER.size:
        reserved, _, _, records, version, spare = _HEADER.unpack_from(data)
        if not reserved and version == 1 and not spare:
            body = data[_HEADER.size :]
            if not records:
                return Received(request=not body, end=body == _END)
            return _collect(_records(data, records))
    return _collect(_records_v0(data, count))


def _collect(found: Iterator[Record | str]) -> Received:
    records: list[Record] = []
    discarded: list[str] = []
    try:
        for item in found:
            reason = item if isinstance(item, str) else acceptable(item)
            if reason is None and isinstance(item, Record):
                records.append(item)
            elif reason is not None:
                discarded.append(reason)
    except _Malformed as error:
        discarded.append(str(error))
    return Received(tuple(records), tuple(discarded))


def _records(data: bytes, count: int) -> Iterator[Record | str]:
    at = _HEADER.size
    for _ in range(count):
        if at >= len(data):
            return
        if at + 4 > len(data):
            raise _Malformed("record cut off")
        kind, length = data[at], int.from_bytes(data[at + 2 : at + 4], "big")
        version, length = length >> 12, length & 0xFFF
        fixed = _FIXED.size + (48 if kind & _IPV6 else 12)
        if kind & ~_IPV6 or version:
            raise _Malformed("record of an unknown type or version")
        if length < fixed or at + length > len(data):
            raise _Malformed("record length out of bounds")
        yield _record(data[at : at + length], fixed, ipv6=bool(kind & _IPV6))
        at += length + -length % 4


def _record(data: bytes, fixed: int, *, ipv6: bool) -> Record | str:
    _, protocol, _, flags, state, *rest = _FIXED.unpack_from(data)
    client_port, virtual_port, server_port, mark, timeout = rest
    width, kind = (16, IPv6Address) if ipv6 else (4, IPv4Address)
    client, virtual, server = (
        kind(data[at : at + width]) for at in range(_FIXED.size, fixed, width)
    )
    options = _options(data[fixed:])
    if options is None:
        return "unknown option that must not be ignored"
    engine = options.get(_OPTION_ENGINE, b"").rstrip(b"\0")
    if not engine.isascii():
        return "persistence engine that no kernel has: its name is not ASCII"
    sequence = options.get(_OPTION_SEQUENCE)
    return Record(
        protocol=protocol,
        flags=Flag(flags & 0xFFFF),
        state=state,
        client=client,
        client_port=client_port,
        virtual=virtual,
        virtual_port=virtual_port,
        server=server,
        server_port=server_port,
        mark=mark,
        timeout=timeout,
        sequence=None if sequence is None else _SEQUENCE.unpack(sequence),
        engine=engine.decode("ascii"),
        engine_data=options.get(_OPTION_ENGINE_DATA, b""),
    )


def _options(data: bytes) -> dict[int, bytes] | None:
    """By type; None if there is one that may not be ignored. Raises _Malformed."""
    found: dict[int, bytes] = {}
    at, unknown = 0, False
    while at < len(data):
        if at + 2 > len(data):
            raise _Malformed("option cut off")
        kind, length = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + length]
        at += 2 + length
        if not length or len(value) < length or kind & ~_IGNORABLE in found:
            raise _Malformed("option malformed or repeated")
        known = kind & ~_IGNORABLE
        if known == _OPTION_SEQUENCE and length != _SEQUENCE.size:
            raise _Malformed("sequence option of wrong length")
        if known == _OPTION_ENGINE and length > _LONGEST_ENGINE_NAME:
            raise _Malformed("name of the persistence engine too long")
        if known in (_OPTION_SEQUENCE, _OPTION_ENGINE_DATA, _OPTION_ENGINE):
            found[known] = value
        elif not kind & _IGNORABLE:
            unknown = True
    return None if unknown else found


def _records_v0(data: bytes, count: int) -> Iterator[Record | str]:
    at = _HEADER_V0.size
    for _ in range(count):
        if at >= len(data):
            return
        if at + _RECORD_V0.size > len(data):
            raise _Malformed("record cut off")
        fields = _RECORD_V0.unpack_from(data, at)
        _, protocol, client_port, virtual_port, server_port, client, virtual, server, *end = fields
        flags, state = end
        at += _RECORD_V0.size
        sequence = None
        if flags & SEQUENCE:
            if at + _SEQUENCE_V0.size > len(data):
                raise _Malformed("sequence data cut off")
            sequence = _SEQUENCE_V0.unpack_from(data, at)
            at += _SEQUENCE_V0.size
        yield Record(
            protocol=protocol,
            flags=Flag(flags),
            state=state,
            client=IPv4Address(client),
            client_port=client_port,
            virtual=IPv4Address(virtual),
            virtual_port=virtual_port,
            server=IPv4Address(server),
            server_port=server_port,
            sequence=sequence,
        )


def encode(records: Iterable[Record], syncid: int, max_length: int) -> Iterator[bytes]:
    """Version 1 datagrams of at most `max_length` bytes with these records, in order."""
    body, count = b"", 0
    for record in records:
        encoded = encode_record(record)
        padding = bytes(-len(body) % 4)
        full = HEADER_LENGTH + len(body) + len(padding) + len(encoded) > max_length
        if count and (full or count == _MOST_RECORDS):
            yield _datagram(body, count, syncid)
            body, count, padding = b"", 0, b""
        body += padding + encoded
        count += 1
    if count:
        yield _datagram(body, count, syncid)


def request(syncid: int) -> bytes:
    """`Tell me everything`: to whoever tells others of its connections."""
    return _datagram(b"", 0, syncid)


def end(syncid: int) -> bytes:
    """`That was all`: the answer to a request has been sent."""
    return _datagram(_END, 0, syncid)


def _datagram(body: bytes, count: int, syncid: int) -> bytes:
    return _HEADER.pack(0, syncid, _HEADER.size + len(body), count, 1, 0) + body


def encode_record(record: Record) -> bytes:
    """A version 1 record without padding."""
    options = b""
    if record.sequence is not None:
        options += bytes((_OPTION_SEQUENCE, _SEQUENCE.size)) + _SEQUENCE.pack(*record.sequence)
    if record.engine:
        name = record.engine.encode("ascii")
        options += bytes((_OPTION_ENGINE_DATA, len(record.engine_data))) + record.engine_data
        options += bytes((_OPTION_ENGINE, len(name))) + name
    addresses = record.client.packed + record.virtual.packed + record.server.packed
    fixed = _FIXED.pack(
        _IPV6 if record.client.version == 6 else 0,
        record.protocol,
        _FIXED.size + len(addresses) + len(options),
        record.flags & ~Flag.HASHED & 0xFFFF,
        record.state,
        record.client_port,
        record.virtual_port,
        record.server_port,
        record.mark,
        record.timeout or 0,
    )
    return fixed + addresses + options

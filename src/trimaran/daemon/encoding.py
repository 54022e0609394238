"""JSON of the model's values, for the bus and for notes on disk."""

from ipaddress import IPv4Address, ip_address
from typing import Any, TypeVar

import msgspec

from trimaran.model.ip import IPAddress

Value = TypeVar("Value")


def _to_plain(value: Any) -> Any:
    if isinstance(value, IPAddress):
        return str(value)
    raise NotImplementedError(type(value))


def _from_plain(kind: type, value: Any) -> Any:
    if kind is IPv4Address:
        return IPv4Address(value)
    if kind == IPAddress:
        return ip_address(value)
    raise NotImplementedError(kind)


_encoder = msgspec.json.Encoder(enc_hook=_to_plain)


def encode(value: Any) -> bytes:
    """One line of JSON, without its end."""
    return _encoder.encode(value)


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder of values of this type; it raises `msgspec.DecodeError`."""
    return msgspec.json.Decoder(kind, dec_hook=_from_plain)

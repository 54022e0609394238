"""What follows `use_vmac`."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.tokens import Word
from trimaran.conf.values import InterfaceName

_MAC = re.compile(r"[0-9A-Fa-f]{1,2}([:-][0-9A-Fa-f]{1,2}){4,5}")
_LATER = ("group", "netlink_notify_msg")


class SaidOfMac(NamedTuple):
    """What a file says of a virtual MAC address. Of five bytes the VRID is the sixth."""

    device: Word | None
    mac: bytes | None


@dataclass(frozen=True)
class MacDevice:
    """The device's name and its MAC address, in this order, each of which may be missing."""

    usage: str = "[[name] INTERFACE] [MAC]"

    def read(self, arguments: Arguments) -> SaidOfMac:
        device = mac = None
        while (word := arguments.peek()) is not None:
            if word.text in _LATER:
                raise Rejected(word, f"not supported: use_vmac {word.text}", "remove it")
            if mac is None and _MAC.fullmatch(word.text):
                mac = _mac(arguments.take("MAC"))
            elif device is None and mac is None:
                if word.text == "name":
                    arguments.take("name")
                device = arguments.peek()
                InterfaceName().read(arguments)
            else:
                break
        return SaidOfMac(device, mac)


def _mac(word: Word) -> bytes:
    value = bytes(int(part, 16) for part in re.split("[:-]", word.text))
    if value[0] & 1 or not any(value):
        raise Rejected(word, f"'{word.text}' is not a MAC address of one station")
    return value

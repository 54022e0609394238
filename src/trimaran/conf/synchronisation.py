"""The argument of `lvs_sync_daemon`: where directors tell each other of their connections."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.tokens import Word
from trimaran.conf.values import InterfaceName, integer, ip_address
from trimaran.model.sync import Synchronisation


def _number(minimum: int, maximum: int) -> Callable[[str, Word], int]:
    return lambda name, word: integer(name, word, minimum, maximum)


def _group(name: str, word: Word) -> IPv4Address:
    advice = "write a multicast address such as 224.0.0.81"
    try:
        group = ip_address(word.text)
    except ValueError:
        raise Rejected(word, f"'{word.text}' is not an IP address", advice) from None
    if not isinstance(group, IPv4Address):
        raise Rejected(word, f"not supported: {name} over IPv6 ({word.text})")
    if not group.is_multicast:
        raise Rejected(word, f"{group} is not a multicast address", advice)
    return group


_OPTIONS: dict[str, tuple[str, Callable[[str, Word], Any]]] = {
    "id": ("syncid", _number(0, 255)),
    "maxlen": ("max_length", _number(68, 65507)),
    "port": ("port", _number(1, 65535)),
    "ttl": ("ttl", _number(1, 255)),
    "group": ("group", _group),
}


@dataclass(frozen=True)
class SyncDaemon:
    """Interface, perhaps a virtual router, options."""

    usage: str = "INTERFACE [INSTANCE] [id ID] [maxlen BYTES] [port PORT] [ttl TTL] [group ADDRESS]"

    def read(self, arguments: Arguments) -> Synchronisation:
        interface = InterfaceName().read(arguments)
        said: dict[str, Any] = {}
        following = arguments.peek()
        if following is not None and following.text not in _OPTIONS:
            said["instance"] = arguments.take("INSTANCE").text
        while (word := arguments.peek()) is not None:
            if word.text not in _OPTIONS:
                advice = f"write one of {', '.join(_OPTIONS)}"
                raise Rejected(word, f"'{word.text}' is not an option of lvs_sync_daemon", advice)
            option = arguments.take("OPTION").text
            field, read = _OPTIONS[option]
            said[field] = read(option, arguments.take("VALUE"))
        return Synchronisation(interface, **said)

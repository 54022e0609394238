"""Kinds of arguments of FIFOs and mail."""

import re
from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.scripts import account
from trimaran.conf.values import integer

_ADDRESS = re.compile(r"[^\s<>,;:\"@]+@[A-Za-z0-9._\[\]:-]+|[A-Za-z0-9._+-]+")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}", re.ASCII)


@dataclass(frozen=True)
class PathAndAccount:
    """`PATH [USER [GROUP]]`."""

    usage: str = "PATH [USER [GROUP]]"

    def read(self, arguments: Arguments) -> tuple[str, str | None, str | None]:
        word = arguments.take(self.usage)
        if not word.text.startswith("/"):
            raise Rejected(word, f"'{word.text}' is not a whole path", "begin it with '/'")
        user = account(arguments)
        return word.text, user, account(arguments)


@dataclass(frozen=True)
class HostAndPort:
    """`HOST [PORT]`: an address or a name."""

    usage: str = "HOST [PORT]"

    def read(self, arguments: Arguments) -> tuple[str, int]:
        word = arguments.take(self.usage)
        if not _HOST.fullmatch(word.text):
            raise Rejected(word, f"'{word.text}' is not a name or an address of a host")
        if arguments.peek() is None:
            return word.text, 25
        return word.text, integer("port", arguments.take("PORT"), 1, 65535)


@dataclass(frozen=True)
class MailAddresses:
    """One or more addresses that mail can be sent to."""

    usage: str = "ADDRESS ..."

    def read(self, arguments: Arguments) -> tuple[str, ...]:
        found = [_address(arguments, self.usage)]
        while arguments.peek() is not None:
            found.append(_address(arguments, self.usage))
        return tuple(found)


def _address(arguments: Arguments, usage: str) -> str:
    word = arguments.take(usage)
    if not _ADDRESS.fullmatch(word.text):
        raise Rejected(
            word, f"'{word.text}' is not an address of mail", "write one such as admin@example.org"
        )
    return word.text

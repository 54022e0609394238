"""Kinds of arguments that name programs and users."""

import re
import shlex
from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.model.script import Script

_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?|[0-9]+", re.ASCII)


@dataclass(frozen=True)
class Command:
    """`COMMAND [USER [GROUP]]`: a command with arguments is one word, in quotes."""

    usage: str = "COMMAND [USER [GROUP]]"

    def read(self, arguments: Arguments) -> Script:
        word = arguments.take(self.usage)
        try:
            command = tuple(shlex.split(word.text))
        except ValueError:
            message = f"a quote within '{word.text}' is not closed"
            raise Rejected(word, message, "close it, or write a backslash before it") from None
        if not command or not command[0]:
            raise Rejected(word, f"{arguments.keyword.text} needs a command", "write its path")
        if "\0" in word.text:
            raise Rejected(word, "a command has no NUL characters", "remove '\\0'")
        user = account(arguments)
        return Script(command, user, account(arguments))


@dataclass(frozen=True)
class Account:
    """`USER [GROUP]`."""

    usage: str = "USER [GROUP]"

    def read(self, arguments: Arguments) -> tuple[str, str | None]:
        arguments.peek() or arguments.take(self.usage)
        user = account(arguments)
        assert user is not None
        return user, account(arguments)


def account(arguments: Arguments) -> str | None:
    """The name or number of a user or group, if one follows."""
    if arguments.peek() is None:
        return None
    word = arguments.take("NAME")
    if not _ACCOUNT.fullmatch(word.text):
        raise Rejected(word, f"'{word.text}' is not a name of a user or group")
    return word.text

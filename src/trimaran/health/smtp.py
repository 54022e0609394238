"""How an SMTP_CHECK goes (RFC 5321): greeting, HELO, QUIT; and how its replies are judged.

keepalived takes replies of one line only; here they may have several.
"""

import re

from trimaran.health.verdict import Verdict
from trimaran.model.check import SmtpCheck

_LONGEST_REPLY = 64 * 2**10
_LINE = re.compile(rb"([2-5][0-9]{2})([ -].*)?")
_GREETING, _HELO = "the greeting", "the reply to HELO"


class Conversation:
    """One conversation: takes bytes as they come, says what to send and at last a verdict."""

    def __init__(self, check: SmtpCheck) -> None:
        self._hello = f"HELO {check.name}\r\n".encode()
        self._stage = _GREETING
        self._rest = b""
        self._length = 0

    def take(self, data: bytes) -> bytes | Verdict | None:
        """Take what came next, b"" for the end: what to send then, or the verdict.

        None: more is needed. After the end there is always a verdict.
        """
        self._length += len(data)
        if not data:
            return Verdict(False, f"hung up before the end of {self._stage}")
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            reply = _LINE.fullmatch(line.removesuffix(b"\r"))
            if reply is None:
                return Verdict(False, f"{self._stage} is not SMTP")
            if reply[2] is None or not reply[2].startswith(b"-"):
                return self._judge(reply[1])
        if self._length > _LONGEST_REPLY:
            return Verdict(False, f"{self._stage} does not end")
        return None

    def _judge(self, code: bytes) -> bytes | Verdict:
        """Judge a whole reply; what may come behind it was not asked for."""
        wanted = b"220" if self._stage is _GREETING else b"250"
        if code != wanted:
            return Verdict(False, f"{self._stage} is {code.decode()}, not {wanted.decode()}")
        if self._stage is _HELO:
            return Verdict(True, "greeted, and took HELO")
        self._stage = _HELO
        self._rest, self._length = b"", 0
        return self._hello


QUIT = b"QUIT\r\n"
"""What a good conversation ends with."""

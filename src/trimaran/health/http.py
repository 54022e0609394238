"""How `HTTP_GET` and `SSL_GET` ask for a page, and judge what comes (RFC 9112; parsed by h11).

An answer may be endless. Its header is bounded by h11. If nothing is asked about its body, the
first mebibyte is taken for all of it; else the body is bounded.
"""

import hashlib

import h11

from trimaran.health.verdict import Verdict
from trimaran.model import regex
from trimaran.model.check import HttpCheck, Url
from trimaran.model.service import endpoint

ENOUGH = 2**20
"""Of a body that nothing is asked about, so many bytes are taken for all of it."""
LONGEST_BODY = 64 * 2**20
_LONGEST_HEADER = 64 * 2**10
_START = b"HTTP/"
_OWN_PORTS = {80: False, 443: True}
"""Ports that an address is enough for, and whether with TLS."""


def request(check: HttpCheck, url: Url) -> bytes:
    """What to send for a page."""
    version, manner = check.protocol[:3], check.protocol[3:]
    lines = [
        f"GET {url.path} HTTP/{version}",
        "User-Agent: trimaran",
        f"Host: {url.host or _own_name(check)}",
    ]
    if manner == "C" or version == "1.1":
        lines.append("Connection: close")
    elif manner == "K":
        lines.append("Connection: keep-alive")
    return "\r\n".join((*lines, "", "")).encode()


def _own_name(check: HttpCheck) -> str:
    if _OWN_PORTS.get(check.port) is (check.tls is not None):
        return endpoint(check.address, check.port).rpartition(":")[0]
    return endpoint(check.address, check.port)


class Answer:
    """The answer to one request: takes bytes as they come, until there is a verdict."""

    def __init__(self, url: Url) -> None:
        self._url = url
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEADER)
        self._parser.send(h11.Request(method="GET", target="/", headers=[("Host", "")]))
        self._parser.send(h11.EndOfMessage())
        self._begun = False
        self._status = 0
        self._length = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self._subject = bytearray()

    def take(self, data: bytes) -> Verdict | None:
        """Take what came next, b"" for the end of the connection; None: more is needed.

        After the end there is always a verdict.
        """
        try:
            self._parser.receive_data(data)
            while (event := self._parser.next_event()) is not h11.NEED_DATA:
                verdict = self._take_event(event)
                if verdict is not None:
                    return verdict
        except h11.RemoteProtocolError as error:
            return self._broken(str(error), ended=not data)
        if not data:
            return self._broken("", ended=True)
        if not self._begun:
            start = self._parser.trailing_data[0][: len(_START)]
            if start != _START[: len(start)]:
                return self._broken("illegal status line", ended=False)
            self._begun = len(start) == len(_START) or self._status > 0
        return None

    def _take_event(self, event: object) -> Verdict | None:
        match event:
            case h11.Response():
                self._status = event.status_code
                if not any(low <= self._status <= high for low, high in self._url.status):
                    return Verdict(False, f"{self._url.path}: status {self._status}")
            case h11.Data():
                return self._take_body(event.data)
            case h11.EndOfMessage():
                return self._judge()
            case h11.PAUSED | h11.ConnectionClosed():
                return self._broken("it switched to another protocol", ended=False)
        return None

    def _take_body(self, data: bytes) -> Verdict | None:
        self._length += len(data)
        url = self._url
        if url.digest is None and url.regex is None:
            return self._judge() if self._length >= ENOUGH else None
        if self._length > LONGEST_BODY:
            longest = f"{LONGEST_BODY // 2**20} MiB"
            return Verdict(False, f"{url.path}: the answer is longer than {longest}")
        if url.digest is not None:
            self._digest.update(data)
        if url.regex is not None:
            self._subject += data[: regex.LONGEST_SUBJECT - len(self._subject)]
            if url.digest is None and len(self._subject) == regex.LONGEST_SUBJECT:
                return self._judge()
        return None

    def _judge(self) -> Verdict:
        """Judge the whole answer; its status is a good one."""
        url = self._url
        if url.digest is not None and (digest := self._digest.hexdigest()) != url.digest:
            return Verdict(False, f"{url.path}: the digest is {digest}")
        if url.regex is not None:
            found, trouble = regex.search(url.regex, bytes(self._subject))
            if trouble:
                return Verdict(False, f"{url.path}: the regex cannot be tried: {trouble}")
            if found is url.regex.inverted:
                how = "matches" if found else "does not match"
                return Verdict(False, f"{url.path}: the answer {how} the regex")
        return Verdict(True, f"{url.path}: status {self._status}")

    def _broken(self, why: str, *, ended: bool) -> Verdict:
        if ended and not self._status and not self._parser.trailing_data[0]:
            return Verdict(False, f"{self._url.path}: no answer, the server hung up")
        if ended:
            return Verdict(False, f"{self._url.path}: the answer ended early")
        return Verdict(False, f"{self._url.path}: the answer is not HTTP: {why.partition(':')[0]}")

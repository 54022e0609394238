"""What an HTTP server's answer is worth, however it comes."""

import hashlib
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.health import http
from trimaran.health.verdict import Verdict
from trimaran.model.check import HttpCheck, Regex, Tls, Url
from trimaran.model.regex import BadPattern, check

OK = b"HTTP/1.1 200 OK\r\n"
PAGE = OK + b"Content-Length: 5\r\n\r\nhello"
MD5 = hashlib.md5(b"hello").hexdigest()


def judge(*parts: bytes, end: bool = True, **of_url: Any) -> tuple[bool | None, str] | None:
    answer = http.Answer(Url("/", **of_url))
    for part in (*parts, *([b""] if end else [])):
        verdict = answer.take(part)
        if verdict is not None:
            return verdict.up, verdict.reason
    return None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PAGE, None),
        (OK + b"\r\nhello", None),
        (b"HTTP/1.0 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PAGE, None),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
        (PAGE + b"what nobody asked for", None),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "/: status 503"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /a\r\n\r\n", "/: status 301"),
        (b"", "/: no answer, the server hung up"),
        (b"HTTP/1.1 200", "/: the answer ended early"),
        (OK + b"Content-Length: 6\r\n\r\nhello", "/: the answer ended early"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "/: the answer ended early"),
        (b"220 mail.example ESMTP\r\n\r\n", "/: the answer is not HTTP: illegal status line"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "/: the answer is not HTTP: illegal status line"),
        (OK + b"Content-Length: x\r\n\r\n", "/: the answer is not HTTP: bad Content-Length"),
        (b"HTTP/1.1 101 Up\r\nUpgrade: h2c\r\n\r\n", "/: the answer is not HTTP: "),
    ],
)
def test_answers(answer: bytes, reason: str | None) -> None:
    whole = judge(answer)
    assert whole is not None
    assert whole[0] is (reason is None)
    assert whole[1].startswith(reason or "/: status 20")
    assert judge(*(answer[i : i + 1] for i in range(len(answer)))) == whole


def test_what_does_not_end_is_not_judged_yet() -> None:
    assert judge(OK + b"\r\nhel", end=False) is None
    assert judge(OK, end=False) is None


@pytest.mark.parametrize(
    ("status", "good"),
    [
        (((200, 299),), False),
        (((404, 404),), True),
        (((100, 199), (400, 499)), True),
        (((403, 403), (405, 599)), False),
    ],
)
def test_status_codes(status: tuple[tuple[int, int], ...], good: bool) -> None:
    verdict = judge(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", status=status)
    assert verdict == (good, "/: status 404")


def test_digest() -> None:
    assert judge(PAGE, digest=MD5) == (True, "/: status 200")
    assert judge(OK + b"\r\nhellO", digest=MD5) == (
        False,
        f"/: the digest is {hashlib.md5(b'hellO').hexdigest()}",
    )


@pytest.mark.parametrize(
    ("regex", "good"),
    [
        (Regex("l+o$"), True),
        (Regex("^l"), False),
        (Regex("^l", inverted=True), True),
        (Regex("hello", inverted=True), False),
        (Regex("HELLO"), False),
        (Regex("HELLO", options=("caseless",)), True),
        (Regex("h e l", options=("extended",)), True),
        (Regex("l", first=3), True),
        (Regex("h", first=1), False),
        (Regex("l", last=2), True),
        (Regex("l", last=1), False),
        (Regex("ello", options=("anchored",)), False),
        (Regex("ello", options=("anchored",), first=1), True),
        (Regex(r"(?<=he)llo"), True),
        (Regex(r"\x{68}ello", options=("utf",)), True),
    ],
)
def test_regex(regex: Regex, good: bool) -> None:
    check(regex)
    verdict = judge(PAGE, regex=regex)
    assert verdict is not None
    assert verdict[0] is good, verdict


def test_a_regex_that_would_take_for_ever_is_a_failure() -> None:
    body = b"a" * 5000 + b"b"
    verdict = judge(OK + b"\r\n" + body, regex=Regex("(a+)+$"))
    assert verdict == (False, "/: the regex cannot be tried: match limit exceeded")


@pytest.mark.parametrize("pattern", ["(a", "[a", "*", "(?P<x>a)(?P<x>b)"])
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(BadPattern):
        check(Regex(pattern))


def feed_for_ever(answer: http.Answer, chunk: bytes, most: int) -> Verdict:
    for _ in range(most // len(chunk) + 1):
        if (verdict := answer.take(chunk)) is not None:
            return verdict
    raise AssertionError("it goes on and on")


@pytest.mark.parametrize("chunked", [False, True])
def test_what_never_ends_is_bounded(chunked: bool) -> None:
    chunk = b"x" * 65536
    head = OK + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n")
    if chunked:
        chunk = b"10000\r\n" + chunk + b"\r\n"
    plain = http.Answer(Url("/"))
    assert plain.take(head) is None
    assert feed_for_ever(plain, chunk, http.ENOUGH) == Verdict(True, "/: status 200")
    digested = http.Answer(Url("/", digest=MD5))
    assert digested.take(head) is None
    verdict = feed_for_ever(digested, chunk, http.LONGEST_BODY + 65536)
    assert verdict == Verdict(False, "/: the answer is longer than 64 MiB")
    searched = http.Answer(Url("/", regex=Regex("y")))
    assert searched.take(head) is None
    assert feed_for_ever(searched, chunk, http.ENOUGH).up is False


@pytest.mark.parametrize("endless", [b"HTTP/1.1 200 OK\r\nA: b\r\n", b"x", b"A: b\r\n"])
def test_an_endless_header_is_bounded(endless: bytes) -> None:
    answer = http.Answer(Url("/"))
    assert feed_for_ever(answer, endless, 100_000).up is False


@given(st.lists(st.integers(1, 40), max_size=20), st.binary(max_size=200))
def test_how_it_is_cut_does_not_matter(cuts: list[int], body: bytes) -> None:
    data = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    parts, rest = [], data
    for cut in cuts:
        parts.append(rest[:cut])
        rest = rest[cut:]
    parts = [part for part in (*parts, rest) if part]
    digest = hashlib.md5(body).hexdigest()
    assert judge(*parts, digest=digest) == (True, "/: status 200")


@pytest.mark.parametrize(
    ("protocol", "host", "port", "tls", "expected"),
    [
        ("1.0", "", 80, None, "GET /a?b HTTP/1.0|User-Agent: trimaran|Host: 10.0.0.1"),
        ("1.0", "", 8080, None, "GET /a?b HTTP/1.0|User-Agent: trimaran|Host: 10.0.0.1:8080"),
        ("1.0", "", 443, Tls(), "GET /a?b HTTP/1.0|User-Agent: trimaran|Host: 10.0.0.1"),
        ("1.0", "", 443, None, "GET /a?b HTTP/1.0|User-Agent: trimaran|Host: 10.0.0.1:443"),
        ("1.0C", "w.x", 80, None,
         "GET /a?b HTTP/1.0|User-Agent: trimaran|Host: w.x|Connection: close"),
        ("1.0K", "w.x", 80, None,
         "GET /a?b HTTP/1.0|User-Agent: trimaran|Host: w.x|Connection: keep-alive"),
        ("1.1", "w.x", 80, None,
         "GET /a?b HTTP/1.1|User-Agent: trimaran|Host: w.x|Connection: close"),
    ],
)  # fmt: skip
def test_requests(protocol: str, host: str, port: int, tls: Tls | None, expected: str) -> None:
    url = Url("/a?b", host)
    asked = HttpCheck(ip_address("10.0.0.1"), port, urls=(url,), protocol=protocol, tls=tls)
    assert http.request(asked, url).decode() == expected.replace("|", "\r\n") + "\r\n\r\n"


def test_an_ipv6_address_is_in_brackets() -> None:
    url = Url("/")
    asked = HttpCheck(ip_address("2001:db8::1"), 80, urls=(url,))
    assert b"Host: [2001:db8::1]\r\n" in http.request(asked, url)

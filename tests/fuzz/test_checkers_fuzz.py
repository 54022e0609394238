"""Hostile and random answers to checks: a verdict always comes, and at the end at the latest."""

from hypothesis import given
from hypothesis import strategies as st

from trimaran.health import http
from trimaran.health.verdict import Verdict
from trimaran.model.check import Regex, Url

PIECES = (
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"100 Continue", b"204 No", b"101 Up", b"\r\n"),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close", b"5", b"-1"),
    *(b"99999999999999999999", b"\0", b"hello", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"\n"),
)
answers = st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=30)
urls = st.sampled_from(
    [
        Url("/"),
        Url("/", digest="0" * 32),
        Url("/", regex=Regex("(a|b)*c")),
        Url("/", regex=Regex("^.*$", True, ("utf", "dotall"), 3, 5)),
    ]
)


@given(urls, answers)
def test_http(url: Url, parts: list[bytes]) -> None:
    answer = http.Answer(url)
    for part in filter(None, parts):
        if (verdict := answer.take(part)) is not None:
            assert isinstance(verdict, Verdict)
            assert verdict.up is not None
            return
    end = answer.take(b"")
    assert end is not None
    assert end.up is not None

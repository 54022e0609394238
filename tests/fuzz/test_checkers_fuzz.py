"""Hostile and random answers to checks: a verdict always comes, and at the end at the latest."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from trimaran.health import dns, http, ping, smtp, udp
from trimaran.health.verdict import Verdict
from trimaran.model.check import DnsCheck, PingCheck, Regex, SmtpCheck, UdpCheck, Url

WEB = ip_address("10.0.1.1")

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


@given(
    st.lists(st.sampled_from([b"220", b"250", b" ", b"-", b"\r\n", b"\n"]) | st.binary(max_size=9))
)
def test_smtp(parts: list[bytes]) -> None:
    conversation = smtp.Conversation(SmtpCheck(WEB, 25))
    for part in filter(None, parts):
        if isinstance(conversation.take(part), Verdict):
            return
    assert isinstance(conversation.take(b""), Verdict)


QUERY = dns.query(DnsCheck(WEB, 53, name="www.example."), 7)


@given(st.binary(max_size=80), st.binary(max_size=20), st.integers(0, 40))
def test_dns(junk: bytes, more: bytes, cut: int) -> None:
    whole = QUERY.to_wire()
    reply = whole[:2] + b"\x81\x80" + whole[4:]
    for answer in (junk, reply[:cut] + junk, reply + junk, reply[:cut] + junk + reply[cut:] + more):
        verdict = dns.judge(QUERY, answer)
        assert verdict is None or verdict.up is not None


@given(st.binary(max_size=64))
def test_ping(packet: bytes) -> None:
    assert ping.is_reply(PingCheck(WEB, 0), 7, packet) in (True, False)


@given(st.binary(max_size=64), st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255))))
def test_udp(reply: bytes, wanted: list[tuple[int, int]]) -> None:
    verdict = udp.judge(UdpCheck(WEB, 1, reply=tuple(wanted)), reply)
    assert verdict.up is not None

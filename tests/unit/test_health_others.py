"""How SMTP, UDP, DNS and PING checks are judged."""

import struct
from ipaddress import ip_address

import pytest
from dns import flags, message, rcode
from hypothesis import given
from hypothesis import strategies as st

from trimaran.conf.table.other_checks import DNS_RECORDS
from trimaran.health import dns, ping, smtp, udp
from trimaran.health.verdict import Verdict
from trimaran.model.check import DnsCheck, PingCheck, SmtpCheck, UdpCheck

WEB, WEB6 = ip_address("10.0.1.1"), ip_address("2001:db8::1")
BAD_HELO = "the reply to HELO is 550, not 250"
GOOD = Verdict(True, "greeted, and took HELO")


def talk(*parts: bytes) -> list[bytes | Verdict]:
    """All that is said to these parts, and to the end behind them."""
    conversation = smtp.Conversation(SmtpCheck(WEB, 25, name="me"))
    said: list[bytes | Verdict] = []
    for part in (*parts, b""):
        answer = conversation.take(part)
        if answer is not None:
            said.append(answer)
        if isinstance(answer, Verdict):
            break
    return said


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((b"220 a ESMTP\r\n", b"250 b\r\n"), [b"HELO me\r\n", GOOD]),
        ((b"220\r\n", b"250\n"), [b"HELO me\r\n", GOOD]),
        ((b"220-a\r\n220-b\r\n", b"220 c\r\n", b"250-d\r\n250 e\r\n"), [b"HELO me\r\n", GOOD]),
        ((b"2", b"20 a\r", b"\n", b"250 b\r\n"), [b"HELO me\r\n", GOOD]),
        ((b"554 no\r\n",), [Verdict(False, "the greeting is 554, not 220")]),
        ((b"220 a\r\n", b"550 b\r\n"), [b"HELO me\r\n", Verdict(False, BAD_HELO)]),
        ((b"HTTP/1.0 400 Bad\r\n",), [Verdict(False, "the greeting is not SMTP")]),
        ((b"220 a",), [Verdict(False, "hung up before the end of the greeting")]),
        ((b"220-a\r\n" * 10000,), [Verdict(False, "the greeting does not end")]),
        ((b"2" * 70000,), [Verdict(False, "the greeting does not end")]),
    ],
)  # fmt: skip
def test_smtp(parts: tuple[bytes, ...], said: list[bytes | Verdict]) -> None:
    assert talk(*parts) == said


@pytest.mark.parametrize(
    ("wanted", "lengths", "reply", "good"),
    [
        ((), (0, 255), b"", True),
        ((), (0, 255), b"anything", True),
        ((), (1, 255), b"", False),
        ((), (0, 3), b"long", False),
        (((0x61, 0xFF),), (0, 255), b"abc", True),
        (((0x61, 0xFF),), (0, 255), b"bbc", False),
        (((0x60, 0xF0), (0, 0)), (0, 255), b"bz", True),
        (((0x61, 0xFF), (0x62, 0xFF)), (0, 255), b"a", False),
    ],
)
def test_udp(
    wanted: tuple[tuple[int, int], ...], lengths: tuple[int, int], reply: bytes, good: bool
) -> None:
    check = UdpCheck(WEB, 53, reply=wanted, lengths=lengths)
    assert udp.judge(check, reply).up is good
    assert udp.unanswered(check).up is False


def test_udp_without_a_reply() -> None:
    assert udp.unanswered(UdpCheck(WEB, 53)) == Verdict(True, "no error")
    assert udp.judge_error(111) == Verdict(False, "port unreachable")


DNS = DnsCheck(WEB, 53, name="www.example.", record="A")


def dns_reply(code: int = 0, number: int = 7, question: str = "www.example.") -> bytes:
    reply = message.make_response(dns.query(DNS, number))
    if question != "www.example.":
        other = DnsCheck(WEB, 53, name=question, record="A")
        reply = message.make_response(dns.query(other, number))
    reply.set_rcode(rcode.Rcode(code))
    return reply.to_wire()


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (dns_reply(), Verdict(True, "answered")),
        (dns_reply() + b"more", Verdict(True, "answered")),
        (dns_reply(2), Verdict(False, "the answer is SERVFAIL")),
        (dns_reply(3), Verdict(False, "the answer is NXDOMAIN")),
        (dns_reply(5), Verdict(False, "the answer is REFUSED")),
        (dns_reply(number=8), None),
        (dns_reply(question="other.example."), None),
        (dns.query(DNS, 7).to_wire(), None),
        (b"", Verdict(False, "the reply is not DNS")),
        (b"\0" * 11, Verdict(False, "the reply is not DNS")),
        (b"HTTP/1.0 400 Bad Request\r\n", Verdict(False, "the reply is not DNS")),
    ],
)
def test_dns(reply: bytes, verdict: Verdict | None) -> None:
    assert dns.judge(dns.query(DNS, 7), reply) == verdict


@pytest.mark.parametrize("name", [".", "www.example.", "a" * 63 + "."])
@pytest.mark.parametrize("record", DNS_RECORDS)
def test_dns_queries(name: str, record: str) -> None:
    query = message.from_wire(dns.query(DnsCheck(WEB, 53, name=name, record=record), 5).to_wire())
    assert (query.id, query.question[0].name.to_text()) == (5, name)
    assert query.flags & flags.RD


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_ping(number: int, other: int) -> None:
    check = PingCheck(WEB, 0)
    asked = ping.request(check, number)
    total = sum(struct.unpack(f"!{len(asked) // 2}H", asked))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
    header = b"\x45" + bytes(19)
    reply = bytes([0, 0]) + asked[2:]
    assert ping.is_reply(check, number, header + reply)
    assert not ping.is_reply(check, number, header + asked)
    assert not ping.is_reply(check, number, reply)
    assert ping.is_reply(check, other, header + reply) is (other == number)
    check = PingCheck(WEB6, 0)
    reply = bytes([129, 0]) + ping.request(check, number)[2:]
    assert ping.is_reply(check, number, reply)
    assert ping.is_reply(check, other, reply) is (other == number)

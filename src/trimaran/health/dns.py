"""How a DNS_CHECK asks, and judges what comes (RFC 1035; by dnspython)."""

from dns import exception, flags, message, rcode, rdatatype

from trimaran.health.verdict import Verdict
from trimaran.model.check import DnsCheck
from trimaran.model.duration import SECOND


def query(check: DnsCheck, number: int) -> message.Message:
    """The query, with an ID from 0 to 65535."""
    return message.make_query(check.name, rdatatype.from_text(check.record), id=number)


def judge(asked: message.Message, reply: bytes) -> Verdict | None:
    """Judge a datagram; None: it does not answer this query, the answer may still come."""
    try:
        # What is behind the header is of no concern, but for the question.
        said = message.from_wire(reply, question_only=True, ignore_trailing=True)
    except (exception.DNSException, ValueError):
        return Verdict(False, "the reply is not DNS")
    if not said.flags & flags.QR or said.id != asked.id:
        return None
    if said.question and said.question != asked.question:
        return None
    code = said.rcode()
    if code != rcode.NOERROR:
        return Verdict(False, f"the answer is {rcode.to_text(code)}")
    return Verdict(True, "answered")


def unanswered(check: DnsCheck) -> Verdict:
    """Judge that no answer has come in time."""
    return Verdict(False, f"no answer within {check.connect_timeout / SECOND:g} s")

"""Keywords of `SMTP_CHECK`, `DNS_CHECK`, `UDP_CHECK` and `PING_CHECK`."""

from trimaran.conf.schema import Keyword
from trimaran.conf.table.check_words import DELAY_BEFORE_RETRY, check, retry_word
from trimaran.conf.values import Choice, Integer, Optional
from trimaran.conf.values_checks import DomainName, HexBytes, HexPattern, Host

DNS_RECORDS = ("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY")

HELO_NAME = Keyword(
    "helo_name", Host(), "What we call ourselves.", default="smtpchecker.keepalived.org"
)
SMTP_CHECK = check(
    "SMTP_CHECK", "The server is fit if it greets (220) and takes our HELO (250).", HELO_NAME
)

DNS_NAME = Keyword("name", DomainName(), "What to ask for.", default=".")
DNS_TYPE = Keyword(
    "type",
    Choice({record: record for record in DNS_RECORDS}, any_case=True),
    "The type of record to ask for.",
    default="SOA",
)
DNS_RETRY = retry_word(3)
DNS_DELAY_BEFORE_RETRY = Keyword(
    "delay_before_retry",
    DELAY_BEFORE_RETRY.argument,
    f"{DELAY_BEFORE_RETRY.about} Default: delay_loop.",
)
DNS_CHECK = check(
    "DNS_CHECK",
    "The server is fit if it answers a query, by UDP, without an error.",
    DNS_TYPE,
    DNS_NAME,
    retry=DNS_RETRY,
    delay=DNS_DELAY_BEFORE_RETRY,
)

PAYLOAD = Keyword("payload", HexBytes(), "What to send. Default: nothing, an empty datagram.")
REQUIRE_REPLY = Keyword(
    "require_reply",
    Optional(HexPattern(), ()),
    "A datagram must come back, one that starts so; an x stands for any digit. Without this, it "
    "is enough that no ICMP error comes within connect_timeout.",
)
MIN_REPLY_LENGTH = Keyword(
    "min_reply_length", Integer(0, 65535), "The least bytes of the reply.", default=0
)
MAX_REPLY_LENGTH = Keyword(
    "max_reply_length", Integer(0, 65535), "The most bytes of the reply.", default=255
)
UDP_CHECK = check(
    "UDP_CHECK",
    "The server is fit if it takes a datagram.",
    PAYLOAD,
    REQUIRE_REPLY,
    MIN_REPLY_LENGTH,
    MAX_REPLY_LENGTH,
)

PING_CHECK = check("PING_CHECK", "The server is fit if it answers an ICMP echo request.")

"""From `SMTP_CHECK`, `DNS_CHECK`, `UDP_CHECK` and `PING_CHECK` blocks to health checks."""

from dataclasses import replace

from trimaran.conf.check_blocks import CheckBlock
from trimaran.conf.table import check_words as words
from trimaran.conf.table import other_checks as table
from trimaran.model.check import DnsCheck, PingCheck, SmtpCheck, UdpCheck


def smtp_check(block: CheckBlock) -> SmtpCheck:
    """An `SMTP_CHECK`."""
    return SmtpCheck(**block.connection(block.timing()), name=block.check[table.HELO_NAME])


def dns_check(block: CheckBlock) -> DnsCheck:
    """A `DNS_CHECK`."""
    timing = block.timing(retry=table.DNS_RETRY)
    if all(setting.last(words.DELAY_BEFORE_RETRY) is None for setting in block.blocks):
        timing = replace(timing, delay_before_retry=timing.delay_loop)
    return DnsCheck(
        **block.connection(timing),
        name=block.check[table.DNS_NAME],
        record=block.check[table.DNS_TYPE],
    )


def udp_check(block: CheckBlock) -> UdpCheck:
    """A `UDP_CHECK`; what is wrong is reported."""
    check = block.check
    low, high = check[table.MIN_REPLY_LENGTH], check[table.MAX_REPLY_LENGTH]
    reply = check.get(table.REQUIRE_REPLY)
    for keyword in (table.MIN_REPLY_LENGTH, table.MAX_REPLY_LENGTH):
        setting = check.last(keyword)
        if setting is not None and check.last(table.REQUIRE_REPLY) is None:
            block.report.warning(
                setting.word, f"{keyword.name} is ignored: no reply is wanted", "add require_reply"
            )
        elif setting is not None and low > high:
            block.report.error(
                setting.at,
                f"a reply cannot have at least {low} and at most {high} bytes",
                "write a larger max_reply_length",
            )
            break
    return UdpCheck(
        **block.connection(block.timing()),
        payload=check.get(table.PAYLOAD) or b"",
        reply=reply,
        lengths=(low, high),
    )


def ping_check(block: CheckBlock) -> PingCheck:
    """A `PING_CHECK`."""
    return PingCheck(**block.connection(block.timing()))

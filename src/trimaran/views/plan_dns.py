"""The VIPs as records of a zone file: a name with all of them spreads clients by round robin."""

from collections.abc import Sequence
from ipaddress import IPv4Interface

TTL = 300
"""Seconds. The VIPs stay; a short life only lets resolvers ask, and so rotate, more often."""

_UDP_LIMIT = 512
_HEADER, _ROOT_AND_TYPE, _ANSWER = 12, 5, 16
"""Octets: header; the question besides the name; an A record with a compressed name (RFC 1035)."""


def records(name: str, addresses: Sequence[IPv4Interface]) -> list[str]:
    """An A record for each address (RFC 1035, 5.1), the name absolute."""
    owner = f"{name.rstrip('.')}."
    return [f"{owner} {TTL} IN A {address.ip}" for address in addresses]


def fits(name: str, count: int) -> bool:
    """Whether one answer of 512 octets holds so many addresses: without EDNS it must."""
    question = len(name.rstrip(".")) + 1 + _ROOT_AND_TYPE
    return _HEADER + question + _ANSWER * count <= _UDP_LIMIT

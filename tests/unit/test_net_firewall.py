"""The rules of `no_accept`, as nftables takes them."""

from ipaddress import ip_address
from typing import Any

from trimaran.net.firewall import ruleset

ONE, TWO, SIX = (ip_address(text) for text in ("10.0.0.1", "10.0.0.2", "2001:db8::1"))


def kinds(commands: list[dict[str, Any]]) -> list[str]:
    return [f"{verb} {what}" for command in commands for verb, inside in command.items()
            for what in inside]  # fmt: skip


def test_the_table_is_replaced_whole() -> None:
    assert kinds(ruleset([])) == ["add table", "delete table"]
    assert kinds(ruleset([ONE, TWO])) == [
        *("add table", "delete table", "add table", "add chain", "add rule"),
    ]


def test_who_holds_an_ipv6_address_still_says_so() -> None:
    first, second = (command["add"]["rule"]["expr"] for command in ruleset([SIX])[-2:])
    assert first[-1] == {"accept": None}
    assert first[1]["match"]["right"] == {"set": ["nd-neighbor-solicit", "nd-neighbor-advert"]}
    assert second[-1] == {"drop": None}
    assert second[0]["match"]["right"] == {"set": ["2001:db8::1"]}

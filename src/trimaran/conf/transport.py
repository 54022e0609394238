"""From what a file says of advertisements' ways to how they travel."""

from typing import Any

from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import transport as table
from trimaran.model.ip import IPAddress
from trimaran.model.transport import LARGEST_TTL, Peer, Transport

_LONGEST_PASSWORD = 8


def speaks_ipv6(instance: Setting[str], first: IPAddress | None) -> bool:
    """By its first virtual address, or else by its peers and its own address."""
    said = (
        first,
        *(peer.value for peer in _peers(instance)),
        instance.get(table.UNICAST_SRC_IP),
        instance.get(table.MCAST_SRC_IP),
    )
    known = next((address for address in said if address is not None), None)
    return known is not None and known.version == 6


def transport(
    instance: Setting[str], global_defs: Setting[bool], *, ipv6: bool, report: Report
) -> Transport:
    """How its advertisements travel; what is wrong with that is reported."""
    _report_other_family(instance, ipv6=ipv6, report=report)
    default = table.VRRP_MCAST_GROUP6 if ipv6 else table.VRRP_MCAST_GROUP4
    ttl = instance.get(table.UNICAST_TTL)
    checked, plain = instance.get(table.CHECK_UNICAST_SRC), instance.get(table.V3_CHECKSUM_AS_V2)
    bounded = any(
        peer[table.MIN_TTL] > 0 or peer[table.MAX_TTL] < LARGEST_TTL for peer in _peers(instance)
    )
    return Transport(
        group=instance.get(table.MCAST_DST_IP) or global_defs[default],
        peers=_unicast(instance, report),
        source=instance.get(table.UNICAST_SRC_IP) or instance.get(table.MCAST_SRC_IP),
        only_peers=bounded
        or (global_defs[table.VRRP_CHECK_UNICAST_SRC] if checked is None else checked),
        ttl=LARGEST_TTL if ttl is None else ttl,
        plain_checksum=global_defs[table.GLOBAL_CHECKSUM_AS_V2] if plain is None else plain,
    )


def authentication(
    instance: Setting[str], version: int | None, *, ipv6: bool, report: Report
) -> tuple[bytes | None, bool]:
    """The password, if there is one, and whether it is to be proved instead of sent."""
    block = instance.last(table.AUTHENTICATION)
    if block is None:
        return None, False
    if ipv6 or version == 3:
        report.error(
            block.word,
            "VRRP version 3 has no authentication",
            "remove the block" + ("" if ipv6 else ", or write 'version 2'"),
        )
    setting = block.last(table.AUTH_PASS)
    if setting is None or setting.value is None:
        return None, False
    password = setting.value.encode()
    if len(password) > _LONGEST_PASSWORD:
        report.warning(
            setting.at,
            f"auth_pass has {len(password)} bytes: only the first {_LONGEST_PASSWORD} count",
            f"write at most {_LONGEST_PASSWORD}",
        )
    return password[:_LONGEST_PASSWORD], block.get(table.AUTH_TYPE) == "AH"


def _peers(instance: Setting[str]) -> list[Setting[IPAddress]]:
    return [peer for block in instance.all(table.UNICAST_PEER) for peer in block.all(table.PEER)]


def _unicast(instance: Setting[str], report: Report) -> tuple[Peer, ...] | None:
    """The peers; None: multicast."""
    block = instance.last(table.UNICAST_PEER)
    if block is None:
        return None
    peers = tuple(
        Peer(peer.value, peer[table.MIN_TTL], peer[table.MAX_TTL])
        for peer in _peers(instance)
        if peer.value is not None
    )
    if not peers and not instance[table.UNICAST_FAULT_NO_PEER]:
        report.warning(
            block.word,
            "unicast_peer is empty: advertisements go to the multicast group",
            "name a peer, remove the block, or write 'unicast_fault_no_peer'",
        )
        return None
    return peers


def _report_other_family(instance: Setting[str], *, ipv6: bool, report: Report) -> None:
    said: list[Setting[Any]] = [*_peers(instance)]
    keywords = (table.UNICAST_SRC_IP, table.MCAST_SRC_IP, table.MCAST_DST_IP)
    said += [found for keyword in keywords if (found := instance.last(keyword))]
    for setting in said:
        if setting.value is not None and (setting.value.version == 6) != ipv6:
            report.error(
                setting.at,
                f"{setting.value} is IPv{setting.value.version}, and the virtual addresses are "
                f"IPv{6 if ipv6 else 4}",
                "write addresses of one version",
            )

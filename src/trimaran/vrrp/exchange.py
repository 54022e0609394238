"""What a virtual router says in advertisements, and which of those it hears are meant for it."""

from ipaddress import IPv4Address

from trimaran.model.duration import SECOND
from trimaran.model.router import VirtualRouter
from trimaran.vrrp.packet import PASSWORD_LENGTH, Advertisement, Reason


def advertisement(router: VirtualRouter, priority: int) -> Advertisement:
    """The advertisement of a virtual router that is master; priority 0: it is leaving."""
    return Advertisement(
        version=router.version,
        vrid=router.vrid,
        priority=priority,
        interval=router.advertisement_interval,
        addresses=tuple(a.address for a in router.addresses),
        password=_significant(router.password),
    )


def objection(
    router: VirtualRouter, primary: IPv4Address | None, heard: Advertisement, sender: IPv4Address
) -> tuple[Reason, str] | None:
    """Why `router` must discard a well-formed advertisement (RFC 3768, 7.1), if it must."""
    password = _significant(router.password)
    if heard.version != router.version:
        return Reason.VERSION, f"version {heard.version}, ours is {router.version}"
    if sender == primary:
        return Reason.OWN_PACKET, "it comes from our own address: is that used twice?"
    if (heard.password is None) != (password is None):
        wanted = "no authentication" if password is None else "a password"
        return Reason.AUTHENTICATION_TYPE, f"{wanted} expected"
    if heard.password != password:
        return Reason.PASSWORD, "wrong password"
    if heard.version == 2 and heard.interval != router.advertisement_interval:
        theirs, ours = heard.interval // SECOND, router.advertisement_interval // SECOND
        return Reason.INTERVAL, f"advertisement interval {theirs} s, ours is {ours} s"
    return None


def _significant(password: bytes | None) -> bytes | None:
    """The part of a password that goes on the wire, without padding."""
    return None if password is None else password[:PASSWORD_LENGTH].rstrip(b"\0")

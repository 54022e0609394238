"""What a virtual router says in advertisements, and which of those it hears are meant for it."""

from collections.abc import Iterator
from typing import NamedTuple

from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.transport import LARGEST_TTL
from trimaran.vrrp import ah
from trimaran.vrrp.actions import SendAdvertisement
from trimaran.vrrp.packet import PASSWORD_LENGTH, Advertisement, Reason, Received, encode


class Outgoing(NamedTuple):
    """What goes to one destination: the payload, or behind authentication the whole datagram."""

    destination: IPAddress
    ttl: int
    data: bytes


def advertisement(router: VirtualRouter, priority: int) -> Advertisement:
    """The advertisement of a virtual router that is master; priority 0: it is leaving."""
    return Advertisement(
        version=router.version,
        vrid=router.vrid,
        priority=priority,
        interval=router.advertisement_interval,
        addresses=tuple(a.address for a in router.addresses),
        password=None if router.sealed else _significant(router.password),
    )


def outgoing(router: VirtualRouter, action: SendAdvertisement) -> Iterator[Outgoing]:
    """The datagrams of an advertisement, one for each destination."""
    transport, source = router.transport, action.source
    ttl = LARGEST_TTL if transport.peers is None else transport.ttl
    for destination in transport.destinations:
        payload = encode(
            action.advertisement,
            source,
            destination,
            plain_checksum=transport.plain_checksum,
            sealed=router.sealed,
        )
        if router.sealed:
            key = _significant(router.password) or b""
            datagram = ah.seal(payload, source, destination, key, action.sequence, ttl)
            yield Outgoing(destination, ttl, datagram)
        else:
            yield Outgoing(destination, ttl, payload)


def objection(
    router: VirtualRouter, primary: IPAddress | None, heard: Received, sequence: int
) -> tuple[Reason, str] | None:
    """Why `router` must discard a well-formed advertisement (RFC 3768, 7.1), if it must.

    `sequence`: the highest number of an authentication header so far.
    """
    said, sender = heard.advertisement, heard.sender
    if said.version != router.version:
        return Reason.VERSION, f"version {said.version}, ours is {router.version}"
    if sender == primary:
        return Reason.OWN_PACKET, "it comes from our own address: is that used twice?"
    if how := _strange_arrival(router, heard):
        return how
    if unproved := _unproved(router, heard, sequence):
        return unproved
    if said.version == 2 and said.interval != router.advertisement_interval:
        theirs, ours = said.interval // SECOND, router.advertisement_interval // SECOND
        return Reason.INTERVAL, f"advertisement interval {theirs} s, ours is {ours} s"
    return None


def _strange_arrival(router: VirtualRouter, heard: Received) -> tuple[Reason, str] | None:
    """What is wrong with where it comes from, where it went, or how far it travelled."""
    peers = router.transport.peers
    if peers is None:
        if heard.unicast:
            return Reason.DESTINATION, "sent to this host alone, we use multicast"
        if heard.ttl != LARGEST_TTL:
            return Reason.TTL, f"TTL {heard.ttl} instead of {LARGEST_TTL}"
        return None
    if not heard.unicast:
        return Reason.DESTINATION, "sent by multicast, we use unicast_peer"
    peer = next((peer for peer in peers if peer.address == heard.sender), None)
    if peer is None:
        return (Reason.SOURCE, "it is no unicast_peer") if router.transport.only_peers else None
    if not peer.min_ttl <= heard.ttl <= peer.max_ttl:
        return Reason.TTL, f"TTL {heard.ttl} is not from {peer.min_ttl} to {peer.max_ttl}"
    return None


def _unproved(router: VirtualRouter, heard: Received, sequence: int) -> tuple[Reason, str] | None:
    """What is wrong with its authentication."""
    password, seal = heard.advertisement.password, heard.seal
    if router.sealed:
        if seal is None:
            return Reason.AUTHENTICATION_TYPE, "an authentication header expected"
        if not seal.proves(_significant(router.password) or b""):
            return Reason.DIGEST, "wrong password, or altered"
        if seal.sequence < sequence:
            detail = f"sequence number {seal.sequence} after {sequence}: sent again by somebody?"
            return Reason.REPLAY, detail
        return None
    wanted = _significant(router.password)
    if seal is not None or (password is None) != (wanted is None):
        expected = "no authentication" if wanted is None else "a password"
        return Reason.AUTHENTICATION_TYPE, f"{expected} expected"
    if password != wanted:
        return Reason.PASSWORD, "wrong password"
    return None


def _significant(password: bytes | None) -> bytes | None:
    """The part of a password that goes on the wire, without padding."""
    return None if password is None else password[:PASSWORD_LENGTH].rstrip(b"\0")

"""Hostile and random input to the VRRP codec and machine."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import InitialState, VirtualRouter
from trimaran.model.tracking import interface
from trimaran.vrrp import actions, events
from trimaran.vrrp.actions import State
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Advertisement, Discarded, Received, decode, encode

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
passwords = st.binary(max_size=8).map(lambda p: p.rstrip(b"\0"))


@st.composite
def advertisements(draw: st.DrawFn) -> Advertisement:
    version = draw(st.sampled_from([2, 3]))
    units, unit = ((1, 255), SECOND) if version == 2 else ((1, 4095), 10 * MILLISECOND)
    return Advertisement(
        version=version,
        vrid=draw(st.integers(0, 255)),
        priority=draw(st.integers(0, 255)),
        interval=draw(st.integers(*units)) * unit,
        addresses=tuple(draw(st.lists(addresses, min_size=1, max_size=20))),
        password=draw(st.none() | passwords) if version == 2 else None,
    )


def datagram(payload: bytes, source: IPv4Address) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(payload), 0, 0, 255, 112, 0)
    return header + source.packed + IPv4Address("224.0.0.18").packed + payload


@given(advertisements(), addresses)
def test_what_is_encoded_is_decoded(advertisement: Advertisement, source: IPv4Address) -> None:
    received = decode(datagram(encode(advertisement, source), source))
    assert received == Received(advertisement, source)


@given(st.binary(max_size=100))
def test_any_bytes_give_a_value_or_a_reason(junk: bytes) -> None:
    assert isinstance(decode(junk), Received | Discarded)


@given(st.binary(max_size=60), addresses)
def test_any_payload_gives_a_value_or_a_reason(junk: bytes, source: IPv4Address) -> None:
    assert isinstance(decode(datagram(junk, source)), Received | Discarded)


@given(advertisements(), addresses, st.data())
def test_one_flipped_bit_in_the_payload_is_noticed(
    advertisement: Advertisement, source: IPv4Address, data: st.DataObject
) -> None:
    payload = bytearray(encode(advertisement, source))
    bit = data.draw(st.integers(0, len(payload) * 8 - 1))
    payload[bit // 8] ^= 1 << bit % 8
    assert isinstance(decode(datagram(bytes(payload), source)), Discarded)


VIPS = [VirtualAddress(IPv4Address(f"10.0.0.{n}"), 24, "eth0") for n in (1, 2)]
OURS = IPv4Address("10.0.0.100")
routers = st.builds(
    VirtualRouter,
    name=st.just("r"),
    interface=st.just("eth0"),
    vrid=st.just(7),
    priority=st.integers(1, 255),
    initial_state=st.sampled_from(InitialState),
    version=st.sampled_from([2, 3]),
    advertisement_interval=st.integers(1, 3).map(lambda s: s * SECOND),
    preempt=st.booleans(),
    addresses=st.sampled_from([tuple(VIPS), (VIPS[0],), ()]),
    group=st.sampled_from([None, "g"]),
    tracked=st.sampled_from([(), (interface("eth1"),), (interface("eth1", -60),)]),
)
senders = st.sampled_from([IPv4Address("10.0.0.99"), OURS, IPv4Address("10.0.0.101")])
heard = advertisements() | st.builds(
    Advertisement,
    version=st.sampled_from([2, 3]),
    vrid=st.just(7),
    priority=st.integers(0, 255),
    interval=st.just(SECOND),
    addresses=st.just((VIPS[0].address,)),
)
anything = st.one_of(
    st.just(events.Started()),
    st.just(events.InterfaceUp(OURS)),
    st.just(events.InterfaceDown("down")),
    st.booleans().map(lambda up: events.TrackersChanged({interface("eth1").tracker: up})),
    st.sampled_from([None, "lb of its group: down"]).map(events.GroupFault),
    st.sampled_from([events.Promoted(), events.Demoted("its group is backup")]),
    st.builds(Received, heard, senders),
    st.just(events.TimerExpired()),
    st.sampled_from(VIPS).map(lambda vip: events.AddressMissing(vip.address)),
    routers.map(events.Reconfigured),
)
steps = st.lists(st.tuples(st.integers(0, 5 * SECOND), anything), max_size=40)


@settings(max_examples=300)
@given(routers, steps)
def test_whatever_happens_only_a_master_holds_addresses(
    router: VirtualRouter, story: list[tuple[int, events.Event]]
) -> None:
    """The kernel's state as the actions make it, against the machine's own idea of it."""
    machine, now = Machine(router), 0
    held: set[VirtualAddress] = set(router.addresses)  # left over from an earlier life
    for pause, event in [(0, events.Started()), *story, (0, events.Shutdown())]:
        now += pause
        old = machine.view()
        done = machine.handle(event, now)
        if isinstance(event, events.Reconfigured):
            router = event.router
        for action in done:
            if isinstance(action, actions.AddAddresses):
                held |= set(action.addresses)
            elif isinstance(action, actions.RemoveAddresses):
                held -= set(action.addresses)
        view, deadline = machine.view(), machine.deadline()
        assert held == (set(router.addresses) if view.state is State.MASTER else set())
        assert view.state is not State.MASTER or view.master == OURS
        assert (deadline is not None or machine.member().candidate) == (
            view.state in (State.BACKUP, State.MASTER)
        )
        if old.state is not State.MASTER and view.state is State.MASTER:
            assert isinstance(done[0], actions.SendAdvertisement)
        assert (view.state is old.state) == (view.transitions == old.transitions)
        for action in done:
            if isinstance(action, actions.SendAdvertisement):
                said = datagram(encode(action.advertisement, action.source), action.source)
                assert decode(said) == Received(action.advertisement, OURS)
    assert machine.view().state is State.STOP


@settings(max_examples=200)
@given(routers, st.lists(st.tuples(st.integers(0, SECOND), heard, senders), max_size=30))
def test_discarded_advertisements_change_nothing_but_what_is_said_of_their_senders(
    router: VirtualRouter, story: list[tuple[int, Advertisement, IPv4Address]]
) -> None:
    machine, now = Machine(replace(router, password=b"x", version=2)), 0
    machine.handle(events.InterfaceUp(OURS), now)
    machine.handle(events.Started(), now)
    before, deadline = machine.view(), machine.deadline()
    for pause, advertisement, sender in story:
        now += pause
        wrong = replace(advertisement, password=None)
        machine.handle(Received(wrong, sender), now)
    after = machine.view()
    assert sum(after.discarded.values()) == len(story)
    assert {stranger.address for stranger in after.strangers} <= {one for *_, one in story}
    assert replace(after, discarded={}, strangers=()) == before
    assert machine.deadline() == deadline

"""Reload: a virtual router that went over to a configuration is as one that began with it.

Its kernel has the same addresses, routes and rules, it says the same, and it waits as long.
"""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import Manners, VirtualRouter
from trimaran.model.routing import Network, Route, Routing
from trimaran.model.virtual_mac import VirtualMac, standard_mac
from trimaran.vrrp import actions, events
from trimaran.vrrp.actions import State
from trimaran.vrrp.exchange import advertisement
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Advertisement, Received

OWN, PEER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
BEST = 254
_SETTLED = 30 * SECOND
"""Longer than any master-down interval here, and the announcements after it."""
_WHEN = (0, 300 * MILLISECOND, 2 * SECOND, 5 * SECOND, 14 * SECOND)


@dataclass
class Kernel:
    """What a host has, and what it last said."""

    addresses: set[VirtualAddress] = field(default_factory=set)
    routing: set[object] = field(default_factory=set)
    said: Advertisement | None = None

    def perform(self, action: actions.Action) -> None:
        match action:
            case actions.AddAddresses(added):
                self.addresses.update(added)
            case actions.RemoveAddresses(removed):
                self.addresses.difference_update(removed)
            case actions.AddRouting(wanted):
                self.routing.update((*wanted.routes, *wanted.rules))
            case actions.RemoveRouting(unwanted):
                self.routing.difference_update((*unwanted.routes, *unwanted.rules))
            case actions.SendAdvertisement(said):
                self.said = said


class Host:
    """One director; `rival`: a better one is master all the time, on the same configuration."""

    def __init__(self, router: VirtualRouter, *, rival: bool) -> None:
        self.router, self.rival, self.now = router, rival, 0
        self.machine, self.kernel = Machine(router), Kernel()
        self._next = 0
        self.tell(events.InterfaceUp(OWN))
        self.tell(events.Started())

    def tell(self, event: events.Event) -> None:
        for action in self.machine.handle(event, self.now):
            self.kernel.perform(action)

    def reload(self, router: VirtualRouter) -> None:
        self.router = router
        self.tell(events.Reconfigured(router))

    def run(self, duration: int) -> None:
        end = self.now + duration
        while True:
            due = self.machine.deadline()
            heard = self._next if self.rival else None
            first = min((at for at in (due, heard) if at is not None), default=end + 1)
            if first > end:
                break
            self.now = max(first, self.now)
            if first == heard:
                self._next = self.now + self.router.advertisement_interval
                self.tell(Received(advertisement(self.router, BEST), PEER))
            else:
                self.tell(events.TimerExpired())
        self.now = end

    def state(self) -> tuple[object, ...]:
        """All that can be seen of it; what a master of a moment ago said does not matter."""
        view = self.machine.view()
        said = self.kernel.said if view.state is State.MASTER else None
        kernel = (frozenset(self.kernel.addresses), frozenset(self.kernel.routing))
        return (view.state, view.priority, view.master, view.interval, said, *kernel)


VIPS = [VirtualAddress(IPv4Address(f"10.0.0.{number}"), 24, "eth0") for number in (10, 11, 12)]
ROUTES = [Route(Network(IPv4Address(f"10.{number}.0.0"), 16), device="eth0") for number in (7, 8)]
MAC = VirtualMac("vrrp.7", standard_mac(7, ipv6=False))


@st.composite
def routers(draw: st.DrawFn) -> VirtualRouter:
    version = draw(st.sampled_from((2, 3)))
    held = draw(st.lists(st.sampled_from(VIPS), unique=True))
    mac = draw(st.sampled_from((None, MAC)))
    if mac is not None:
        held = [replace(vip, device=mac.device, on_virtual_mac=True) for vip in held]
    advertised = draw(st.integers(0, len(held)))
    quick = (200 * MILLISECOND, SECOND) if version == 3 else (SECOND, 3 * SECOND)
    return VirtualRouter(
        "a",
        "eth0",
        7,
        priority=draw(st.integers(1, BEST - 1)),
        version=version,
        advertisement_interval=draw(st.sampled_from(quick)),
        preempt=draw(st.booleans()),
        password=draw(st.sampled_from((None, b"one", b"two"))) if version == 2 else None,
        addresses=tuple(held[:advertised]),
        excluded=tuple(held[advertised:]),
        routing=Routing(tuple(draw(st.lists(st.sampled_from(ROUTES), unique=True)))),
        manners=Manners(preempt_delay=draw(st.sampled_from((0, 2 * SECOND)))),
        virtual_mac=mac,
    )


@settings(max_examples=300)
@given(routers(), routers(), st.booleans(), st.sampled_from(_WHEN))
def test_after_a_reload_all_is_as_with_a_fresh_start(
    before: VirtualRouter, after: VirtualRouter, rival: bool, when: int
) -> None:
    """Whenever the reload comes: while it waits, as a master, or as a backup."""
    reloaded = Host(before, rival=rival)
    reloaded.run(when)
    reloaded.reload(after)
    reloaded.run(_SETTLED)
    fresh = Host(after, rival=rival)
    fresh.run(_SETTLED)
    assert reloaded.state() == fresh.state()

"""Which addresses, routes and rules are put on the machine and taken off it."""

from trimaran.model.address import VirtualAddress
from trimaran.model.ip import IPAddress
from trimaran.model.routing import NO_ROUTING, Routing
from trimaran.vrrp.actions import AddAddresses, AddRouting, RemoveAddresses, RemoveRouting
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.situation import Situation


class Possession:
    """The virtual addresses of one router, as they come and go."""

    def __init__(self, situation: Situation, outbox: Outbox) -> None:
        self._situation, self._outbox = situation, outbox

    def take(self) -> None:
        """Put all of them on their devices, then make the routes and rules."""
        self._add(self._situation.router.addresses)
        self._route(AddRouting, self._situation.router.routing)

    def release(self, *, succeeded: bool) -> None:
        """Take all of them off, after the routes and rules; `succeeded`: another master has them,
        or is about to."""
        self._route(RemoveRouting, self._situation.router.routing)
        self._remove(self._situation.router.addresses, succeeded=succeeded)

    def restore(self, address: IPAddress) -> tuple[VirtualAddress, ...]:
        """Put one back that was lost; which one it is, if it is one of these."""
        lost = tuple(a for a in self._situation.router.addresses if a.address == address)
        self._add(lost)
        return lost

    def change(self, before: tuple[VirtualAddress, ...]) -> tuple[VirtualAddress, ...]:
        """Have those of a new configuration instead of these; which ones are new."""
        now = self._situation.router.addresses
        added = tuple(a for a in now if a not in before)
        self._remove(tuple(a for a in before if a not in now))
        self._add(added)
        return added

    def change_routing(self, before: Routing) -> None:
        """Have the routes and rules of a new configuration instead of these."""
        now = self._situation.router.routing
        self._route(RemoveRouting, before.without(now))
        self._route(AddRouting, now.without(before))

    def _route(self, action: type[AddRouting | RemoveRouting], routing: Routing) -> None:
        if routing != NO_ROUTING:
            self._outbox.put(action(routing))

    def _add(self, addresses: tuple[VirtualAddress, ...]) -> None:
        if movable := self._movable(addresses):
            self._outbox.put(AddAddresses(movable))

    def _remove(self, addresses: tuple[VirtualAddress, ...], *, succeeded: bool = False) -> None:
        if movable := self._movable(addresses):
            self._outbox.put(RemoveAddresses(movable, succeeded))

    def _movable(self, addresses: tuple[VirtualAddress, ...]) -> tuple[VirtualAddress, ...]:
        """Without the interface's own address, which an owner keeps whatever happens."""
        if self._situation.owner:
            return tuple(a for a in addresses if a.address != self._situation.primary)
        return addresses

"""Which addresses are put on the machine and taken off it."""

from trimaran.model.address import VirtualAddress
from trimaran.vrrp.actions import AddAddresses, RemoveAddresses
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.situation import Situation


class Possession:
    """The virtual addresses of one router, as they come and go."""

    def __init__(self, situation: Situation, outbox: Outbox) -> None:
        self._situation, self._outbox = situation, outbox

    def take(self) -> None:
        """Put all of them on their devices."""
        self.add(self._situation.router.addresses)

    def release(self) -> None:
        """Take all of them off."""
        self.remove(self._situation.router.addresses)

    def add(self, addresses: tuple[VirtualAddress, ...]) -> None:
        if movable := self._movable(addresses):
            self._outbox.put(AddAddresses(movable))

    def remove(self, addresses: tuple[VirtualAddress, ...]) -> None:
        if movable := self._movable(addresses):
            self._outbox.put(RemoveAddresses(movable))

    def _movable(self, addresses: tuple[VirtualAddress, ...]) -> tuple[VirtualAddress, ...]:
        """Without the interface's own address, which an owner keeps whatever happens."""
        if self._situation.owner:
            return tuple(a for a in addresses if a.address != self._situation.primary)
        return addresses

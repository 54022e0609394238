"""Which of the advertisements that come in are meant for a virtual router, and how many were."""

from collections import Counter

from trimaran.model.ip import IPAddress
from trimaran.vrrp.exchange import objection
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.packet import Reason, Received
from trimaran.vrrp.situation import Situation
from trimaran.vrrp.view import Stranger

_OF_ANOTHER = {
    *(Reason.VERSION, Reason.INTERVAL, Reason.DESTINATION, Reason.SOURCE),
    *(Reason.AUTHENTICATION_TYPE, Reason.PASSWORD, Reason.DIGEST),
}
"""What advertisements of a virtual router are discarded for that is configured otherwise, or is
another one altogether with the same VRID."""
_MOST_STRANGERS = 8


class Reception:
    """Judges and counts: `received` the good ones, `discarded` the others by reason.

    `strangers`: who sent what is not from a peer of ours, or not as we are configured.
    """

    def __init__(self, situation: Situation, outbox: Outbox) -> None:
        self._situation, self._outbox = situation, outbox
        self.received = 0
        self.discarded: Counter[str] = Counter()
        self.strangers: dict[IPAddress, Stranger] = {}

    def admit(self, heard: Received, now: int) -> bool:
        """Whether a well-formed advertisement counts. Another address list is only told."""
        situation, router = self._situation, self._situation.router
        if complaint := objection(router, situation.primary, heard, situation.sequence):
            self.discard(*complaint, heard.sender, now)
            return False
        self.received += 1
        if heard.seal is not None:
            situation.sequence = heard.seal.sequence
        said = heard.advertisement.addresses
        if set(said) != {a.address for a in router.addresses}:
            theirs = ", ".join(map(str, said)) or "none"
            what = f"advertises other addresses than ours: {theirs}"
            self._outbox.warn("addresses", f"{heard.sender} {what}")
            self._meet(heard.sender, what, now)
        else:
            self.strangers.pop(heard.sender, None)
        return True

    def discard(self, reason: Reason, detail: str, sender: IPAddress | None, now: int) -> None:
        """Count one that is of no use."""
        self.discarded[reason.value] += 1
        self._outbox.warn(reason.value, f"discarded an advertisement from {sender}: {detail}")
        if sender is not None and reason in _OF_ANOTHER:
            self._meet(sender, detail, now)

    def forget_strangers(self) -> None:
        """A new configuration may be theirs."""
        self.strangers.clear()

    def _meet(self, sender: IPAddress, complaint: str, now: int) -> None:
        self.strangers.pop(sender, None)  # the last heard is the last of them
        self.strangers[sender] = Stranger(sender, complaint, now)
        if len(self.strangers) > _MOST_STRANGERS:
            del self.strangers[next(iter(self.strangers))]

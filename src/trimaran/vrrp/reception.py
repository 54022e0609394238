"""Which of the advertisements that come in are meant for a virtual router, and how many were."""

from collections import Counter

from trimaran.model.ip import IPAddress
from trimaran.vrrp.exchange import objection
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.packet import Reason, Received
from trimaran.vrrp.situation import Situation


class Reception:
    """Judges and counts: `received` the good ones, `discarded` the others by reason."""

    def __init__(self, situation: Situation, outbox: Outbox) -> None:
        self._situation, self._outbox = situation, outbox
        self.received = 0
        self.discarded: Counter[str] = Counter()

    def admit(self, heard: Received) -> bool:
        """Whether a well-formed advertisement counts. Another address list is only told."""
        situation, router = self._situation, self._situation.router
        if complaint := objection(router, situation.primary, heard, situation.sequence):
            self.discard(*complaint, heard.sender)
            return False
        self.received += 1
        if heard.seal is not None:
            situation.sequence = heard.seal.sequence
        said = heard.advertisement.addresses
        if set(said) != {a.address for a in router.addresses}:
            theirs = ", ".join(map(str, said)) or "none"
            text = f"{heard.sender} advertises other addresses than ours: {theirs}"
            self._outbox.warn("addresses", text)
        return True

    def discard(self, reason: Reason, detail: str, sender: IPAddress | None) -> None:
        """Count one that is of no use."""
        self.discarded[reason.value] += 1
        self._outbox.warn(reason.value, f"discarded an advertisement from {sender}: {detail}")

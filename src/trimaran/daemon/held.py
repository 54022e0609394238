"""The virtual addresses that the speaker has put on the machine, or may put there soon."""

import logging
from collections.abc import Callable

from trimaran.daemon.encoding import encode
from trimaran.daemon.messages import HoldAddresses, HoldRequest, Message
from trimaran.daemon.rundir import RunDirectory
from trimaran.model.address import VirtualAddress

log = logging.getLogger("steward")


class Held:
    """They are noted down, so that they outlive no crash, and served by the plane."""

    def __init__(self, run_directory: RunDirectory, to_plane: Callable[[Message], object]) -> None:
        self.addresses: tuple[VirtualAddress, ...] = ()
        self._expected: tuple[VirtualAddress, ...] = ()
        self._number = 0
        self._run_directory = run_directory
        self._to_plane = to_plane

    def take(self, request: HoldRequest) -> None:
        """The speaker is about to hold these."""
        self._number = request.number
        self._change(request.addresses, request.expected)

    def clear(self) -> None:
        """The speaker is no more, and what it held has been let go."""
        self._change((), ())

    def let_go(self) -> tuple[VirtualAddress, ...]:
        """Those that are to be removed, as there is no speaker that would."""
        all_of_them = (*self.addresses, *self._expected)
        self.addresses = self._expected = ()
        return all_of_them

    def tell_plane(self) -> None:
        """Say which ones are to be served."""
        self._to_plane(HoldAddresses(self._number, self.addresses, self._expected))

    def _change(
        self, held: tuple[VirtualAddress, ...], expected: tuple[VirtualAddress, ...]
    ) -> None:
        # The note comes first: whatever dies from here on, the addresses are known to be ours.
        self.addresses, self._expected = held, expected
        try:
            self._run_directory.note_held_addresses(encode((*held, *expected)))
        except OSError as error:
            log.error(
                "cannot note the addresses held (%s): they would outlive a crash of all processes",
                error,
            )
        self.tell_plane()

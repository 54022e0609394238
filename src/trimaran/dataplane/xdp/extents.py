"""Which stretches of the member list are free. Pure."""

from collections.abc import Iterable

from trimaran.dataplane.base import DataplaneError


class Extents:
    """First-fit allocation of stretches of an array that the packet path reads.

    What is released may still be read by a packet in flight; it becomes free only at the next
    `settle`, which is called at least a second later than any packet takes.
    """

    def __init__(self, size: int, used: Iterable[tuple[int, int]] = ()) -> None:
        """`used`: (first, length) of stretches in use."""
        self._free: list[tuple[int, int]] = []
        self._released: list[tuple[int, int]] = []
        end = 0
        for first, length in sorted(used):
            if first > end:
                self._free.append((end, first - end))
            end = max(end, first + length)
        if size > end:
            self._free.append((end, size - end))

    def take(self, length: int) -> int:
        """The first index of a stretch of this length."""
        for place, (first, available) in enumerate(self._free):
            if available > length:
                self._free[place] = (first + length, available - length)
                return first
            if available == length:
                del self._free[place]
                return first
        raise DataplaneError("no room for another list of real servers in the XDP dataplane")

    def release(self, first: int, length: int) -> None:
        """Gives a stretch back, to be used again after the next `settle`."""
        if length:
            self._released.append((first, length))

    def settle(self) -> None:
        """What was released becomes free."""
        if not self._released:
            return
        merged: list[tuple[int, int]] = []
        for first, length in sorted(self._free + self._released):
            if merged and merged[-1][0] + merged[-1][1] == first:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((first, length))
        self._free, self._released = merged, []

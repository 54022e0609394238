"""Ring buffers that programs put records into."""

import ctypes
import errno
from collections.abc import Callable

from trimaran.dataplane.xdp.libbpf import checked, library, pointer

_SAMPLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

library.ring_buffer__new.restype = ctypes.c_void_p
library.ring_buffer__new.argtypes = [ctypes.c_int, _SAMPLE, ctypes.c_void_p, ctypes.c_void_p]
library.ring_buffer__poll.argtypes = [ctypes.c_void_p, ctypes.c_int]
library.ring_buffer__free.argtypes = [ctypes.c_void_p]
library.ring_buffer__free.restype = None


class RingBuffer:
    """Reads one (a map's descriptor): each record goes to `take`."""

    def __init__(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        def sample(context: int, data: int, size: int) -> int:
            take(ctypes.string_at(data, size))
            return 0

        self._callback = _SAMPLE(sample)  # kept for as long as libbpf calls it
        made = library.ring_buffer__new(descriptor, self._callback, None, None)
        self._ring = pointer(made, "ring buffer")

    def poll(self, seconds: float) -> None:
        """Take what is there, or what comes first within that time."""
        result = library.ring_buffer__poll(self._ring, int(seconds * 1000))
        if result != -errno.EINTR:
            checked(result, "ring buffer")

    def close(self) -> None:
        library.ring_buffer__free(self._ring)

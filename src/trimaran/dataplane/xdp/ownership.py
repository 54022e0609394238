"""Only one process at a time writes to the tables of a network namespace: it holds this lock."""

import errno
import socket
import time

from trimaran.dataplane.base import Refused

_RETRY_SECONDS = 0.02


def hold_tables(patience: float) -> socket.socket:
    """Hold the lock until the socket is closed or the process ends, however it ends.

    Abstract socket names (unix(7)) belong to the network namespace, as the tables do. Waits for
    `patience` seconds; then `Refused` (EBUSY).
    """
    until = time.monotonic() + patience
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    while True:
        try:
            lock.bind("\0trimaran-xdp-tables")
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                lock.close()
                raise Refused(
                    errno.EBUSY, "another process is changing the XDP dataplane of this namespace"
                ) from error
            time.sleep(_RETRY_SECONDS)
        else:
            return lock

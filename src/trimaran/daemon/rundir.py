"""The run directory: where a daemon's lock, control socket and notes are.

Every network namespace has its own by default, so that several directors run on one host and
each command started in the same namespace finds its daemon with no option.
"""

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

ROOT = Path("/run/trimaran")

_LONGEST_SOCKET_PATH = 107
"""Bytes: sun_path without its final NUL (unix(7))."""

_INITIAL_ONLY = Path("/proc/sys/net/core/netdev_budget")
"""The kernel shows the settings that all namespaces share in the initial one only. (To compare
with /proc/1/ns/net takes CAP_SYS_PTRACE and knowing that process 1 is in the initial one.)"""


class RunDirectoryError(Exception):
    """The run directory cannot be used; the text says why, for an operator."""


def namespace_inode() -> int:
    """The inode that names the network namespace of this process (namespaces(7))."""
    return os.stat("/proc/self/ns/net").st_ino


def default_run_directory() -> Path:
    """`/run/trimaran`, or `/run/trimaran/netns-<inode>` outside the initial namespace."""
    return ROOT if _INITIAL_ONLY.exists() else ROOT / f"netns-{namespace_inode()}"


def _hold_namespace() -> socket.socket:
    """Keep every other daemon out of this network namespace, whose dataplane is one.

    Abstract socket names (unix(7)) belong to the network namespace and end with the process.
    """
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind("\0trimaran")
    except OSError:
        holder.close()
        raise RunDirectoryError(
            "another trimaran daemon runs in this network namespace, on another run directory"
        ) from None
    return holder


class RunDirectory:
    """A run directory held by this process until it ends, however it ends (flock(2))."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if len(os.fsencode(self.control_socket)) > _LONGEST_SOCKET_PATH:
            raise RunDirectoryError(
                f"run directory {path}: too long a name for a socket in it "
                f"(at most {_LONGEST_SOCKET_PATH} bytes with /control.sock)"
            )
        try:
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RunDirectoryError(f"run directory {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise RunDirectoryError(
                f"run directory {path}: a trimaran daemon (pid {owner}) runs on it already; "
                "stop that one or give --run-dir another directory"
            ) from None
        self._namespace = _hold_namespace()
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    @property
    def control_socket(self) -> Path:
        """Where commands reach the daemon."""
        return control_socket(self.path)

    @property
    def held_addresses(self) -> Path:
        """The note of addresses that must not outlive the speaker."""
        return self.path / "held-addresses.json"

    @property
    def services_made(self) -> Path:
        """The note of services in the kernel's IPVS that are trimaran's (`ServiceNote`)."""
        return self.path / "ipvs-services.json"

    @property
    def virtual_macs(self) -> Path:
        """The note of devices that must not outlive the daemon (`VirtualMacs`)."""
        return self.path / "virtual-macs.json"

    @property
    def orders(self) -> Path:
        """The note of what an operator has ordered of real servers (`Administration`)."""
        return self.path / "orders.json"

    def note_held_addresses(self, note: bytes) -> None:
        """Write the note whole or not at all. Raises OSError."""
        draft = self.path / "held-addresses.new"
        draft.write_bytes(note)
        draft.rename(self.held_addresses)

    def release(self) -> None:
        """Remove what the daemon made, as far as it is still there."""
        for name in ("control.sock", "held-addresses.json", "held-addresses.new", "lock"):
            with suppress(OSError):
                (self.path / name).unlink()
        self._namespace.close()
        os.close(self._lock)
        leave(self.path)


def leave(run_directory: Path) -> None:
    """Remove the directory of a network namespace, if nothing is in it any more."""
    if run_directory.parent == ROOT:
        with suppress(OSError):  # something of the operator's may be in it
            run_directory.rmdir()


def control_socket(run_directory: Path) -> Path:
    """Where commands reach the daemon that runs on this directory."""
    return run_directory / "control.sock"

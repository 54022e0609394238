"""Configuration files on disk, and whether they fit the machine."""

import gc
import glob
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trimaran.conf import Memory, Result, Surroundings, Unreadable, fitted, load, refused

LARGEST = 64 * 2**20
"""Bytes. The largest real files have a few megabytes."""


class _Disk:
    """The files that `include` may reach: as keepalived, regular ones that are not executable."""

    def find(self, pattern: str) -> Sequence[str]:
        return sorted(glob.glob(pattern))

    def read(self, name: str) -> bytes:
        path = Path(name)
        try:
            if path.is_dir():
                raise Unreadable("it is a directory", skipped=True)
            if not path.is_file():
                raise Unreadable("it is not a regular file")
            if path.stat().st_mode & 0o111:
                raise Unreadable("it is executable", skipped=True)
            with path.open("rb") as file:
                text = file.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            raise Unreadable(_reason(error)) from None
        if len(text) > LARGEST:
            raise Unreadable(f"it is larger than {LARGEST // 2**20} MB")
        return text


def host_id() -> str:
    """Whom `@ID` lines are for if nobody says otherwise: the host's name up to the first dot."""
    return socket.gethostname().partition(".")[0]


def read(path: Path, config_id: str | None = None, memory: Memory | None = None) -> Result:
    """What a file means. That it cannot be read is a diagnostic like any other.

    `config_id`: whom `@ID` lines are for; None for this host. `memory`: as for `load`.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except IsADirectoryError:
        return refused(name, "this is a directory", "name a file")
    except FileNotFoundError:
        return refused(name, "there is no such file")
    except PermissionError:
        return refused(name, "no permission to read this file")
    except (OSError, ValueError) as error:
        return refused(name, f"cannot read this file: {_reason(error)}")
    if len(text) > LARGEST:
        return refused(name, f"this file is larger than {LARGEST // 2**20} MB")
    surroundings = Surroundings(
        _Disk(),
        config_id=host_id() if config_id is None else config_id,
        environment=os.environ,
        directory=os.getcwd(),
        seed=os.getpid(),
    )
    with _without_garbage_collection():
        return load(text, name, surroundings, memory)


def read_for_this_machine(
    path: Path,
    config_id: str | None = None,
    enter: Callable[[str], None] | None = None,
    memory: Memory | None = None,
) -> Result:
    """What a file means with the interfaces that this network namespace has.

    `enter` moves to the network namespace that the file names, if it does.
    """
    if path.exists() and not path.is_dir() and not path.is_file():
        # To wait for a pipe's writer would stop the daemon at its next reload.
        return refused(str(path), "this is not a regular file")
    result = read(path, config_id, memory)
    if enter and result.config and result.config.net_namespace:
        enter(result.config.net_namespace)
    return fitted(result, frozenset(name for _, name in socket.if_nameindex()))


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A large file makes millions of objects and no garbage: looking for some costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)

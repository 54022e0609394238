"""What a lab has made, on disk before it is made, so that `down` works after any crash."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from trimaran.lab.errors import LabError
from trimaran.lab.processes import Process

ROOT = Path("/run/trimaran-lab")
NETNS = Path("/run/netns")

_PREFIX = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Record(msgspec.Struct, frozen=True):
    """Namespaces by name with their inode (None: about to be made), services by host."""

    namespaces: dict[str, int | None]
    services: dict[str, Process]


def directory_of(prefix: str) -> Path:
    """Where the lab with this prefix keeps its files. Raises `LabError` for a bad prefix."""
    if len(prefix) > 40 or not _PREFIX.fullmatch(prefix):
        raise LabError(
            f"prefix {prefix!r}: want lowercase letters, digits and single dashes, "
            "a letter first, at most 40 in all"
        )
    return ROOT / prefix


def claim(directory: Path) -> None:
    """Make the lab's directory; of several that try, one succeeds."""
    while True:
        ROOT.mkdir(mode=0o755, exist_ok=True)
        try:
            directory.mkdir(mode=0o755)
            return
        except FileNotFoundError:
            continue  # the last lab of all has just been taken down
        except FileExistsError:
            raise LabError(
                f"the lab {directory.name!r} is up already: take it down with "
                f"'trimaran lab down --prefix {directory.name}', or choose another --prefix"
            ) from None


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One change of a lab at a time. Raises `LabError` when there is no such lab."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise LabError(
            f"no lab {directory.name!r} is up: start it with "
            f"'trimaran lab up --prefix {directory.name}'"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(directory: Path, record: Record) -> None:
    """Replace the record, at once or not at all."""
    fresh = directory / "lab.json.new"
    fresh.write_bytes(msgspec.json.encode(record))
    fresh.rename(directory / "lab.json")


def read(directory: Path) -> Record:
    """The record; empty when nothing had been made yet."""
    with suppress(FileNotFoundError):
        return msgspec.json.decode((directory / "lab.json").read_bytes(), type=Record)
    return Record({}, {})


def namespace_inode(name: str) -> int | None:
    """The inode of the network namespace that has this name now."""
    try:
        return (NETNS / name).stat().st_ino
    except FileNotFoundError:
        return None

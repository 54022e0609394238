"""Configuration files on disk, and whether they fit the machine."""

import socket
from pathlib import Path

from trimaran.conf import Result, load, refused

LARGEST = 64 * 2**20
"""Bytes. The largest real files have a few megabytes."""


def read(path: Path, interfaces: frozenset[str] | None = None) -> Result:
    """What a file means. That it cannot be read is a diagnostic like any other.

    `interfaces`: those that the file may name; None for any.
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
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return refused(name, f"cannot read this file: {reason}")
    if len(text) > LARGEST:
        return refused(name, f"this file is larger than {LARGEST // 2**20} MB")
    return load(text, name, interfaces)


def read_for_this_machine(path: Path) -> Result:
    """What a file means with the interfaces that this network namespace has."""
    if path.exists() and not path.is_dir() and not path.is_file():
        # To wait for a pipe's writer would stop the daemon at its next reload.
        return refused(str(path), "this is not a regular file")
    return read(path, frozenset(name for _, name in socket.if_nameindex()))

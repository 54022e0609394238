"""`FILE_CHECK`: reads a file. keepalived is told of changes, here they are seen in a second."""

import os

from trimaran.health import file
from trimaran.health.verdict import Verdict
from trimaran.model.check import FileCheck


async def attempt(check: FileCheck) -> Verdict:
    """Read the file."""
    try:
        return file.judge(check, content(check.path))
    except OSError as error:
        return file.unreadable(check, str(error.strerror))


def content(path: str) -> bytes | None:
    """How a file begins that holds a number; None if there is no such file. Raises OSError.

    Not even a FIFO can make this wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(descriptor, file.MOST_BYTES)
    finally:
        os.close(descriptor)

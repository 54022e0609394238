"""`FILE_CHECK`: reads a file. keepalived is told of changes, here they are seen in a second."""

import os

from trimaran.health import file
from trimaran.health.verdict import Verdict
from trimaran.model.check import FileCheck


async def attempt(check: FileCheck) -> Verdict:
    """Read the file; not even a FIFO can make this wait."""
    try:
        descriptor = os.open(check.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return file.judge(check, None)
    except OSError as error:
        return file.unreadable(check, str(error.strerror))
    try:
        return file.judge(check, os.read(descriptor, file.MOST_BYTES))
    except OSError as error:
        return file.unreadable(check, str(error.strerror))
    finally:
        os.close(descriptor)

"""`MISC_CHECK`: runs a program, in a process group of its own that ends with the attempt."""

import asyncio
from typing import Final

from trimaran.daemon import scripts
from trimaran.health import misc
from trimaran.health.verdict import Verdict
from trimaran.model.check import MiscCheck
from trimaran.model.duration import SECOND
from trimaran.model.script import ScriptPolicy

MOST_TO_END: Final = int(scripts.GRACE_SECONDS * SECOND) + 3 * SECOND
"""Nanoseconds that it may take to end a program whose time is over."""


async def attempt(check: MiscCheck, policy: ScriptPolicy) -> Verdict:
    """Run the program; one that takes too long is ended, with all that it started."""
    try:
        process = await scripts.start(check.script, policy, own_session=False)
    except (OSError, LookupError, ValueError) as error:
        return misc.unstarted(check, str(error))
    try:
        async with asyncio.timeout(check.timeout / SECOND):
            status = await process.wait()
    except TimeoutError:
        await scripts.end(process)
        return misc.unfinished(check)
    finally:
        # Cancelled: as the check is no longer wanted, or the checker ends.
        if process.returncode is None:
            await scripts.kill(process)
    return misc.judge(check, status)

"""From `MISC_CHECK` blocks to health checks."""

from dataclasses import replace

from trimaran.conf.check_blocks import CheckBlock
from trimaran.conf.table import misc_checks as table
from trimaran.model.check import MiscCheck


def misc_check(block: CheckBlock) -> MiscCheck | None:
    """A `MISC_CHECK`; None if its program is not said, which has been reported."""
    script = block.check.get(table.MISC_PATH)
    if script is None:
        return None
    if (account := block.check.get(table.MISC_USER)) is not None:
        user, group = account
        script = replace(script, user=user, group=group)
    timing = block.timing(retry=table.MISC_RETRY)
    return MiscCheck(
        script,
        block.check.get(table.MISC_TIMEOUT) or timing.delay_loop,
        block.check[table.MISC_DYNAMIC],
        timing,
    )

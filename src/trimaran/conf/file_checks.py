"""From `FILE_CHECK` blocks to health checks."""

from trimaran.conf.check_blocks import CheckBlock
from trimaran.conf.table import file_checks as table
from trimaran.conf.table.tracking import FILE, FILE_WEIGHT, TRACK_FILE
from trimaran.model.check import CheckTiming, FileCheck
from trimaran.model.duration import SECOND

_TIMING = CheckTiming(delay_loop=SECOND, retry=0)
"""keepalived is told by the kernel, at once; a look each second costs next to nothing."""


def file_check(block: CheckBlock) -> FileCheck | None:
    """A `FILE_CHECK`; None if its file is not known, which has been reported."""
    named = block.check.last(table.TRACKED)
    if named is None or named.value is None:
        return None
    files = block.service.all(TRACK_FILE)
    found = next((file for file in files if file.value == named.value), None)
    if found is None:
        block.report.error(
            named.at,
            f"there is no track_file '{named.value}'",
            "write 'track_file NAME { file PATH }', at the top level",
        )
        return None
    weight = block.check.get(table.CHECK_WEIGHT)
    path = found.get(FILE)
    if path is None:
        return None
    return FileCheck(path, found[FILE_WEIGHT].signed if weight is None else weight, _TIMING)

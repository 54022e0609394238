"""What a file says rightly and likely does not mean."""

from collections.abc import Sequence

from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import vrrp as table


def report_vain_weights(instances: Sequence[Setting[str]], report: Report) -> None:
    """Warn of weights under `nopreempt`, where no change of priority ever moves addresses."""
    for instance in instances:
        if not instance.get(table.NOPREEMPT):
            continue
        for block in instance.all(table.TRACK_INTERFACE):
            for entry in block.all(table.TRACKED_INTERFACE):
                weight = entry.last(table.TRACK_WEIGHT)
                if weight is not None and weight.value:
                    report.warning(
                        weight.at,
                        f"weight {weight.value} moves no address: with nopreempt a backup leaves a "
                        "master alone, whatever its priority",
                        "write weight 0, whose loss is a FAULT, or remove nopreempt on all peers",
                    )

"""Options that say how large the tables of the XDP dataplane are to be."""

from collections.abc import Callable
from typing import Any, Final

import click

from trimaran.dataplane.xdp.limits import FEWEST_CONNECTIONS, MOST_CONNECTIONS

CONNECTIONS: Final = (
    "connections",
    "connections: 64 bytes each, 128 for IPv6; rounded up to a power of 2",
    FEWEST_CONNECTIONS,
    MOST_CONNECTIONS,
)


def room_option(
    name: str, what: str, fewest: int, most: int, default: int | None = None
) -> Callable[[Any], Any]:
    """An option --NAME N."""
    return click.option(
        f"--{name}",
        type=click.IntRange(fewest, most),
        default=default,
        show_default=True,
        metavar="N",
        help=f"Have room in the XDP dataplane for so many {what}.",
    )

"""What the planes of all dataplanes have in common."""

import logging
from collections.abc import Iterable
from contextlib import suppress

from pyroute2 import AsyncIPRoute

from trimaran.daemon.logs import few
from trimaran.model.address import VirtualAddress
from trimaran.net import addresses as virtual_addresses
from trimaran.net.errors import NetError

log = logging.getLogger("plane")


def say(lines: Iterable[str]) -> None:
    """Log what a dataplane did, and as warnings what it could not; of thousands only a few."""
    said = list(lines)
    problems = [line for line in said if "left out" in line]
    for line in few([line for line in said if "left out" not in line]):
        log.info("%s", line)
    for line in few(problems):
        log.warning("%s", line)


async def let_go(netlink: AsyncIPRoute, announced: Iterable[VirtualAddress]) -> None:
    """Remove the addresses held when the steward died: the speaker may have died with it."""
    for address in announced:
        with suppress(NetError):
            await virtual_addresses.remove(netlink, address)

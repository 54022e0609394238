"""`no_accept`: packets to virtual addresses of others are not for this host (RFC 9568, 6.1).

One nftables table of our own, made anew whole with each change, by Debian's `nft` and its JSON
(libnftables-json(5)). A backup does not have the addresses, so nothing there comes this far:
the rules need not follow mastership.
"""

import asyncio
import errno
import json
from collections.abc import Iterable
from shutil import which
from typing import Any

from trimaran.model.ip import IPAddress
from trimaran.net.errors import NetError

_TABLE = {"family": "inet", "name": "trimaran"}
_PRIORITY = -1
"""Just before the usual filters, as keepalived."""
_SECONDS = 5.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_NEIGHBOURS = ["nd-neighbor-solicit", "nd-neighbor-advert"]


async def drop(addresses: Iterable[IPAddress]) -> None:
    """From now on, drop what comes for these addresses, and for no others. Raises NetError."""
    wanted = sorted(set(addresses), key=lambda address: (address.version, int(address)))
    if wanted or which("nft", path=_PATH):
        await _execute(ruleset(wanted))


def ruleset(addresses: list[IPAddress]) -> list[dict[str, Any]]:
    """The commands that replace our table, or remove it if there is nothing to drop."""
    # What is there is deleted in the same transaction; adding first makes that no error.
    commands: list[dict[str, Any]] = [{"add": {"table": _TABLE}}, {"delete": {"table": _TABLE}}]
    if not addresses:
        return commands
    commands.append({"add": {"table": _TABLE}})
    chain = {
        "family": "inet",
        "table": "trimaran",
        "name": "no_accept",
        "type": "filter",
        "hook": "input",
        "prio": _PRIORITY,
        "policy": "accept",
    }
    commands.append({"add": {"chain": chain}})
    for version, protocol in ((4, "ip"), (6, "ip6")):
        ours = [str(address) for address in addresses if address.version == version]
        if not ours:
            continue
        to_ours = _match("==", {"payload": {"protocol": protocol, "field": "daddr"}}, {"set": ours})
        if version == 6:  # who holds the address says so, whatever else it takes
            kind = {"payload": {"protocol": "icmpv6", "field": "type"}}
            commands.append(_rule(to_ours, _match("==", kind, {"set": _NEIGHBOURS}), "accept"))
        commands.append(_rule(to_ours, "drop"))
    return commands


def _match(operator: str, left: dict[str, Any], right: Any) -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _rule(*parts: Any) -> dict[str, Any]:
    *matches, verdict = parts
    expression = [*matches, {verdict: None}]
    return {
        "add": {
            "rule": {
                "family": "inet",
                "table": "trimaran",
                "chain": "no_accept",
                "expr": expression,
            }
        }
    }


async def _execute(commands: list[dict[str, Any]]) -> None:
    program = which("nft", path=_PATH)
    if program is None:
        raise NetError("no_accept needs nft, which is not here (Debian: apt install nftables)")
    process = await asyncio.create_subprocess_exec(
        *(program, "-j", "-f", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        text = json.dumps({"nftables": commands}).encode()
        _, said = await asyncio.wait_for(process.communicate(text), _SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NetError(f"nft does not end within {_SECONDS:g} s") from None
    if process.returncode:
        why = said.decode(errors="replace").strip().splitlines() or [f"errno {errno.EIO}"]
        raise NetError(f"nft refuses the rules of no_accept: {why[0]}")

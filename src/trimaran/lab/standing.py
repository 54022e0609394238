"""What a director does now, whichever program runs it: asked of trimaran, or seen from outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from trimaran.lab.host import LabHost
from trimaran.lab.listings import destination_counts
from trimaran.lab.topology import Director


@dataclass(frozen=True, slots=True)
class Standing:
    """A director's part in its virtual routers and services."""

    routers: Mapping[tuple[str, int], str]
    """Interface and VRID → MASTER, BACKUP or another state."""
    servers: Mapping[str, bool]
    """Real server's address → whether it is in service, in every service that has it."""


def standing(director: LabHost) -> Standing | None:
    """How it stands; None when trimaran does not answer yet."""
    assert isinstance(director.spec, Director)
    return _seen(director) if director.spec.program == "keepalived" else _asked(director)


def _asked(director: LabHost) -> Standing | None:
    status = director.status()
    if status is None:
        return None
    servers: dict[str, bool] = {}
    for service in status["services"]:
        for server in service["servers"]:
            servers[server["address"]] = servers.get(server["address"], True) and server["up"]
    routers = {(r["interface"], r["vrid"]): r["state"] for r in status["virtual_routers"]}
    return Standing(routers, servers)


def _seen(director: LabHost) -> Standing:
    """keepalived has no status to ask for: its addresses and the kernel's IPVS tell."""
    config = director.config
    routers = {
        (router.interface, router.vrid): "MASTER"
        if all(director.holds(each.address) for each in router.addresses)
        else "BACKUP"
        for router in config.virtual_routers
    }
    listed = destination_counts(director.output([*director.ipvsadm, "-Ln"]))
    servers: dict[str, bool] = {}
    for service in config.virtual_services:
        for server in service.real_servers:
            address = str(server.key.address)
            servers[address] = servers.get(address, True) and str(server.key) in listed
    return Standing(routers, servers)

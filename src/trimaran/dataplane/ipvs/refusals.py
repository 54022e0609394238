"""Why the kernel's IPVS refuses something, in an operator's words (ipvs-semantics 6.2). Pure."""

import errno
import os
from collections.abc import Mapping
from typing import Final

from trimaran.dataplane.base import Destination, TunnelType
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    EditDestination,
    EditService,
    Step,
)
from trimaran.model.service import Forwarding, ServiceKey

_ALWAYS: Final = {
    errno.EPERM: "not permitted (root or CAP_NET_ADMIN is needed)",
    errno.ESRCH: "there is no such service",
    errno.EAFNOSUPPORT: "the kernel's IPVS has no support for this IP version",
    errno.ENOBUFS: "the kernel's answer was lost, so it may have been done or not",
}
_DESTINATION: Final = {
    errno.EEXIST: "the service has this server already",
    errno.ENOENT: "the service has no such server",
    errno.ERANGE: "a lower threshold above the upper one, or a negative weight",
}
_SERVICE: Final = {
    errno.EEXIST: "the service exists already",
    errno.EINVAL: "a name of more than 15 characters, or no IPv6 prefix length from 1 to 128",
}
SYNC: Final = {
    errno.EEXIST: "it runs already",
    errno.ENODEV: "there is no such interface",
    errno.ESRCH: "it does not run",
    errno.EINVAL: "the group is not multicast, or servers of the other IP version are tunnelled to",
}
TIMEOUTS: Final = {errno.EINVAL: "a timeout must be from 0 to some weeks, in seconds"}


def what(step: Step) -> str:
    """What a step is about: a service, or a server in it."""
    match step:
        case AddDestination(service, destination) | EditDestination(service, destination):
            return f"{service}: server {destination.key}"
        case DeleteDestination(service, server):
            return f"{service}: server {server}"
        case _:
            return str(step.service)


def why(step: Step, number: int) -> str:
    """The reason why a step was refused with errno `number`."""
    match step:
        case AddService(_, settings) | EditService(_, settings):
            lacking = f"the kernel has no scheduler {settings.scheduler}"
            if settings.persistence_engine:
                lacking += f", or no persistence engine {settings.persistence_engine}"
            return explain(number, {**_SERVICE, errno.ENOENT: lacking})
        case AddDestination(service, destination) | EditDestination(service, destination):
            known = {**_DESTINATION, errno.EINVAL: _unfit(service, destination)}
            return explain(number, known)
        case DeleteDestination():
            return explain(number, _DESTINATION)
        case _:
            return explain(number)


def _unfit(service: ServiceKey, destination: Destination) -> str:
    """What makes a destination invalid."""
    tunnelled = destination.forwarding is Forwarding.TUNNEL
    if destination.key.address.version != service.address.version:
        return (
            "of the other IP version than the service, which no sync daemon may run beside"
            if tunnelled
            else "of the other IP version than the service, so it must be tunnelled to"
        )
    if tunnelled and destination.tunnel.type is TunnelType.GUE and not destination.tunnel.port:
        return "GUE needs a port"
    return "not the address of one host"


def explain(number: int, known: Mapping[int, str] = {}) -> str:
    """The reason for errno `number`; `known`: what it means where it came from."""
    return known.get(number) or _ALWAYS.get(number) or os.strerror(number)

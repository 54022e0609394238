"""What IPVS would refuse, and what it could do and XDP cannot (ipvs-semantics 6.2). Pure."""

import errno
from dataclasses import replace

from trimaran.dataplane.base import Destination, Refused, Service
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    EditDestination,
    EditService,
    Step,
)
from trimaran.dataplane.xdp.limits import SCHEDULERS, is_out_of_reach, unsupported
from trimaran.model.ip import IPAddress

_MOST = 2**31 - 1


def admit(step: Step, present: Service | None) -> None:
    """Raise `Refused` if the step cannot be taken; `present`: its service as it is now.

    With the numbers of IPVS; EOPNOTSUPP for what only IPVS can do.
    """
    if isinstance(step, AddService):
        if present is not None:
            raise Refused(errno.EEXIST, f"{step.service}: the service exists already")
        present = Service(step.service, step.settings)
    elif present is None:
        raise Refused(errno.ESRCH, f"{step.service}: there is no such service")
    keys = {destination.key for destination in present.destinations}
    match step:
        case AddService(service, settings) | EditService(service, settings):
            if settings.scheduler not in SCHEDULERS:
                raise Refused(errno.ENOENT, f"{service}: no scheduler {settings.scheduler}")
            _check_possible(replace(present, settings=settings))
        case AddDestination(service, destination):
            _check_numbers(destination)
            if destination.key in keys:
                raise Refused(errno.EEXIST, f"{service}: it has server {destination.key} already")
            _check_address(present, destination)
            _check_possible(replace(present, destinations=(destination,)))
        case EditDestination(service, destination):
            _check_numbers(destination)
            if destination.key not in keys:
                raise Refused(errno.ENOENT, f"{service}: it has no server {destination.key}")
            _check_address(present, destination)
            _check_possible(replace(present, destinations=(destination,)))
        case DeleteDestination(service, server):
            if server not in keys:
                raise Refused(errno.ENOENT, f"{service}: it has no server {server}")


def _check_possible(service: Service) -> None:
    why = unsupported(service)
    if why is not None:
        raise Refused(errno.EOPNOTSUPP, f"{why}; the kernel's IPVS can: --dataplane ipvs")


def _check_numbers(destination: Destination) -> None:
    lower, upper = destination.lower_threshold, destination.upper_threshold
    if not 0 <= destination.weight <= _MOST or lower > upper:
        raise Refused(
            errno.ERANGE,
            f"{destination.key}: a negative weight, or a lower threshold above the upper one",
        )


def _check_address(service: Service, destination: Destination) -> None:
    address = destination.key.address
    if not _is_unicast(address) or is_out_of_reach(service.key, destination):
        raise Refused(errno.EINVAL, f"{address}: not the address of a server of {service.key}")


def _is_unicast(address: IPAddress) -> bool:
    """Whether it may be one host's, as far as can be told without routing tables."""
    broadcast = address.version == 4 and int(address) == 2**32 - 1
    link_local = address.version == 6 and address.is_link_local
    return not (address.is_multicast or address.is_unspecified or broadcast or link_local)

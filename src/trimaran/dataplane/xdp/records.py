"""Services and destinations as the program's tables have them, read as what was desired."""

from typing import Final

from trimaran.dataplane.base import Destination, Persistence, Service, Settings
from trimaran.dataplane.xdp import methods
from trimaran.dataplane.xdp.addresses import address_in
from trimaran.dataplane.xdp.limits import SCHEDULERS
from trimaran.dataplane.xdp.tables import Tables
from trimaran.model.service import Protocol, SchedulerFlag, ServerKey, ServiceKey

ONE_PACKET: Final = 4
PERSISTENT: Final = 1
RETIRED_PORT: Final = 65535
"""What IPVS renames the ports of a template to that could not be used."""


def service_key(tables: Tables, service: int) -> ServiceKey:
    """The key in a service's record."""
    record = tables.services[service]
    return ServiceKey(
        _protocol(int(record["protocol"])),
        address_in(record["address"], int(record["version"])),
        int(record["port"]),
    )


def server_key(tables: Tables, destination: int) -> ServerKey:
    """The key in a destination's record."""
    record = tables.destinations[destination]
    return ServerKey(address_in(record["address"], int(record["version"])), int(record["port"]))


def identity(tables: Tables, destination: int) -> tuple[ServiceKey, ServerKey]:
    """The keys of a destination, whether it is configured or in the trash, and its service."""
    record = tables.destinations[destination]
    key = ServiceKey(
        _protocol(int(record["protocol"])),
        address_in(record["virtual_address"], int(record["virtual_version"])),
        int(record["virtual_port"]),
    )
    return key, server_key(tables, destination)


def connected_server(tables: Tables, destination: int, virtual_port: int) -> ServerKey:
    """Where a connection to this port goes (ipvs-semantics 3): a server of all ports gets it at
    the port that the client asked for."""
    key, record = server_key(tables, destination), tables.destinations[destination]
    own = key.port if virtual_port == record["virtual_port"] else 0
    return ServerKey(key.address, own or virtual_port)


def template_server(tables: Tables, destination: int, virtual_port: int) -> ServerKey:
    """What a template of the service shows as its server, as IPVS does."""
    key = server_key(tables, destination)
    ports = {0: 0, RETIRED_PORT: RETIRED_PORT}
    return ServerKey(key.address, ports.get(virtual_port, key.port))


def read_destination(tables: Tables, destination: int) -> Destination:
    """A destination's record as what was desired."""
    forwarding, tunnel = methods.read(tables, destination)
    return Destination(
        server_key(tables, destination),
        int(tables.destinations["weight"][destination]),
        forwarding,
        int(tables.loads["upper"][destination]),
        int(tables.loads["lower"][destination]),
        tunnel,
    )


def read_settings(tables: Tables, service: int) -> Settings:
    """A service's settings."""
    record = tables.services[service]
    flags = int(record["flags"])
    return Settings(
        SCHEDULERS[int(record["scheduler"])],
        SchedulerFlag(flags & ~(ONE_PACKET | PERSISTENT)),
        Persistence(int(record["timeout"]), int(record["netmask"])) if flags & PERSISTENT else None,
        one_packet=bool(flags & ONE_PACKET),
    )


def read_service(tables: Tables, service: int) -> Service:
    """A service's record as what was desired, its destinations in list order."""
    order = tables.order(service)
    destinations = tuple(read_destination(tables, destination) for destination in order)
    return Service(service_key(tables, service), read_settings(tables, service), destinations)


def _protocol(number: int) -> Protocol:
    return next(protocol for protocol in Protocol if protocol.number == number)


def set_flags(tables: Tables, destination: int, *, put: int = 0, clear: int = 0) -> None:
    """Sets and clears flags of a destination, by one store."""
    flags = tables.destinations["flags"]
    flags[destination] = int(flags[destination]) & ~int(clear) | int(put)

"""Synchronisation of connections, as `lvs_sync_daemon` describes it."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

GROUP: Final = IPv4Address("224.0.0.81")
"""The multicast group that IPVS uses."""


@dataclass(frozen=True, slots=True)
class Synchronisation:
    """Where directors tell each other of their connections (defaults: IPVS's).

    `max_length`: of a datagram's payload, in bytes. `instance`: the virtual router whose master
    tells, or None: whoever holds an address.
    """

    interface: str
    syncid: int = 0
    group: IPv4Address = GROUP
    port: int = 8848
    ttl: int = 1
    max_length: int = 1472
    instance: str | None = None

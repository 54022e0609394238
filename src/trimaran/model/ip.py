"""IP addresses of either version."""

from abc import ABCMeta
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    IPAddress = IPv4Address | IPv6Address
else:
    # One class that covers both, because the bus's decoder (msgspec) takes no union of
    # types that it does not know itself.
    class IPAddress(metaclass=ABCMeta):  # noqa: B024
        """An IPv4Address or an IPv6Address."""

    IPAddress.register(IPv4Address)
    IPAddress.register(IPv6Address)

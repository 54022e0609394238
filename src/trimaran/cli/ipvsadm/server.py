"""Options of a real server (ipvs-semantics 7.3)."""

from collections.abc import Collection
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from trimaran.cli.ipvsadm import words
from trimaran.cli.ipvsadm.legality import check_tunnel, has_tunnel_options
from trimaran.cli.ipvsadm.options import Option, UsageError
from trimaran.dataplane.base import Destination, TunnelChecksum, TunnelType
from trimaran.model.service import Forwarding, ServerKey, ServiceKey

_MOST: Final = 2**31 - 1

_FORWARDING: Final = {
    "gatewaying": Forwarding.DIRECT_ROUTING,
    "ipip": Forwarding.TUNNEL,
    "masquerading": Forwarding.MASQUERADING,
}
_CHECKSUMS: Final = {
    "tun-nocsum": TunnelChecksum.NONE,
    "tun-csum": TunnelChecksum.FULL,
    "tun-remcsum": TunnelChecksum.REMOTE,
}


class ServerOptions:
    """What is known so far of the server that a command is about. Methods raise `UsageError`."""

    def __init__(self) -> None:
        self._destination = Destination(ServerKey(IPv4Address(0), 0))
        self.takes = {
            "weight": self._weight,
            "u-threshold": self._upper,
            "l-threshold": self._lower,
            "tun-type": self._tunnel_type,
            "tun-port": self._tunnel_port,
        }

    def address(self, value: str, service: ServiceKey | None) -> None:
        """Option -r. The service says what port names mean, and the port if there is none."""
        found = words.endpoint(value, service.protocol if service is not None else None)
        if found is None:
            raise UsageError("illegal real server address[:port] specified")
        port = found.port
        if port is None:
            port = service.port if service is not None else 0
        self._destination = replace(self._destination, key=ServerKey(found.address, port))

    def method(self, option: Option) -> None:
        """Option -g, -i or -m."""
        self._destination = replace(self._destination, forwarding=_FORWARDING[option.long])

    def checksum(self, option: Option) -> None:
        """Option --tun-nocsum, --tun-csum or --tun-remcsum."""
        self._tunnel(checksum=_CHECKSUMS[option.name])

    def named(self) -> ServerKey:
        """The address and port as they were given."""
        return self._destination.key

    def destination(self, service: ServiceKey, given: Collection[str]) -> Destination:
        """The whole, when every option (`given`: names) has been read."""
        destination = self._destination
        tunnelled = destination.forwarding is Forwarding.TUNNEL
        if destination.key.address.version != service.address.version and not tunnelled:
            raise UsageError("Different address family is allowed only for tunneling servers")
        if tunnelled:
            check_tunnel(destination.tunnel.type, given)
        elif has_tunnel_options(given):
            raise UsageError("Tunnel options conflict with forward method")
        if service.mark or destination.forwarding is Forwarding.MASQUERADING:
            return destination
        # Neither direct routing nor a tunnel can change the port.
        return replace(destination, key=replace(destination.key, port=service.port))

    def _weight(self, value: str) -> None:
        weight = words.within(value, 0, _MOST, "illegal weight specified")
        self._destination = replace(self._destination, weight=weight)

    def _upper(self, value: str) -> None:
        threshold = words.within(value, 0, _MOST, "illegal u_threshold specified")
        self._destination = replace(self._destination, upper_threshold=threshold)

    def _lower(self, value: str) -> None:
        threshold = words.within(value, 0, _MOST, "illegal l_threshold specified")
        self._destination = replace(self._destination, lower_threshold=threshold)

    def _tunnel_type(self, value: str) -> None:
        try:
            self._tunnel(type=TunnelType(value))
        except ValueError:
            raise UsageError("illegal tunnel type specified") from None

    def _tunnel_port(self, value: str) -> None:
        self._tunnel(port=words.within(value, 1, 65535, "illegal tunnel port specified"))

    def _tunnel(self, **changes: TunnelType | TunnelChecksum | int) -> None:
        tunnel = replace(self._destination.tunnel, **changes)  # type: ignore[arg-type]
        self._destination = replace(self._destination, tunnel=tunnel)

"""A director in the network namespace that it is started in, told its setting by JSON.

Not a test: test_veth.py starts it. It says a line for each thing that happens, and ends at the
end of its input.
"""

import json
import selectors
import sys
import time
from ipaddress import IPv4Address

from trimaran.dataplane.base import (
    Destination,
    Service,
    Settings,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.dataplane.xdp.attach import read_link
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey


def main() -> None:
    setting = json.loads(sys.argv[1])

    def say(line: str) -> None:
        print(line, flush=True)

    plane = XdpDataplane.open(Capacity(flows=1 << 12), log=say)
    vip = IPv4Address(setting["vip"])
    link = read_link(setting.get("more_interfaces", [setting["interface"]])[0])
    source = IPv4Address(setting.get("source", "0.0.0.0"))
    servers = {IPv4Address(address): mac for address, mac in setting["servers"].items()}
    for address, mac in servers.items():
        way = Neighbour(bytes.fromhex(mac.replace(":", "")), link.mac, link.index, link.mtu, source)
        plane.set_neighbour(address, way)
    key = ServiceKey(Protocol.TCP, vip, 80)
    forwarding = Forwarding(setting.get("forwarding", "Route"))
    tunnel = Tunnel(
        TunnelType(setting.get("tunnel", "ipip")), 6080, TunnelChecksum(setting.get("sum", "csum"))
    )
    port = setting.get("port", 80)
    destinations = tuple(
        Destination(ServerKey(address, port), forwarding=forwarding, tunnel=tunnel)
        for address in servers
    )
    for line in plane.apply([Service(key, Settings("rr"), destinations)]):
        say(line)
    plane.set_held([vip])
    for interface in (setting["interface"], *setting.get("more_interfaces", ())):
        attachment = plane.attach(interface)
        say(f"attached {attachment.mode}: {attachment.reason}")
    say("set up")
    wait = selectors.DefaultSelector()
    wait.register(sys.stdin, selectors.EVENT_READ)
    while not wait.select(0.2):
        for line in plane.poll(time.monotonic_ns()):
            say(line)
    for connection in sorted(plane.connections(), key=str):
        say(f"connection {connection.destination} {connection.state}")
    say(f"events { {event.name: n for event, n in plane.events().items() if n} }")
    plane.close(remove=True)


if __name__ == "__main__":
    main()

"""A plane, as the daemon runs it, in the network namespace that it is started in.

Not a test: test_veth_plane.py starts it. Arguments: how to forward, VIP and server, for TCP at port
80 and UDP at port 53. It ends with its input.
"""

import asyncio
import logging
import sys
from ipaddress import ip_address

from trimaran.daemon.messages import ConfigurePlane, HoldAddresses, Message
from trimaran.daemon.news import News
from trimaran.daemon.plane import Plane
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

SHIFT = {Forwarding.MASQUERADING: 8000}
"""Of servers' ports beside the virtual ones."""


def ignore(message: Message) -> None:
    """What the plane would tell the steward."""


async def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    plane = Plane(ignore)
    await plane.start()
    method, vip, server = Forwarding(sys.argv[1]), ip_address(sys.argv[2]), ip_address(sys.argv[3])
    services = tuple(
        Service(
            ServiceKey(protocol, vip, port),
            Settings("rr"),
            (Destination(ServerKey(server, port + SHIFT.get(method, 0)), forwarding=method),),
        )
        for protocol, port in ((Protocol.TCP, 80), (Protocol.UDP, 53))
    )
    plane.handle(ConfigurePlane(News(services), ("eth1",)))
    plane.handle(HoldAddresses(1, ()))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await plane.stop(orphaned=False)


if __name__ == "__main__":
    asyncio.run(main())

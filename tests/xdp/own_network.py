"""A network namespace like the golden bench's, for what the program asks the kernel: routes."""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from frames import DIRECTOR, DIRECTOR_MAC, GATEWAY_MAC, VIP, server, server_mac
from frames6 import DIRECTOR6, VIP6, server6, server6_mac

from trimaran.dataplane.xdp import libbpf

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

GATEWAY = "192.168.1.254"
GATEWAY6 = "2001:db8:1::fe"
INTERFACE = "eth1"


def sh(command: str) -> None:
    subprocess.run(command.split(), check=True)


def mac_text(mac: bytes) -> str:
    return mac.hex(":")


@contextmanager
def own_network(program: int) -> Iterator[int]:
    """This thread is alone in a namespace, with the director's interface and its neighbours.

    `program` (a descriptor) is put on the interface, for test runs take only such. The number of
    the interface comes back.
    """
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if _libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    try:
        sh("ip link set lo up")
        sh(f"ip link add {INTERFACE} address {mac_text(DIRECTOR_MAC)} type veth peer name wire")
        sh("ip link set wire up")
        sh(f"ip address add {DIRECTOR}/24 dev {INTERFACE}")
        sh(f"ip address add {VIP}/24 dev {INTERFACE}")
        sh(f"ip link set {INTERFACE} up")
        for address6 in (DIRECTOR6, VIP6):
            sh(f"ip address add {address6}/64 dev {INTERFACE} nodad")
        sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        neighbours = {GATEWAY: GATEWAY_MAC, GATEWAY6: GATEWAY_MAC}
        for last in range(101, 110):
            neighbours[str(server(last).address)] = server_mac(last)
            neighbours[str(server6(last).address)] = server6_mac(last)
        for address, mac in neighbours.items():
            sh(f"ip neigh add {address} lladdr {mac_text(mac)} dev {INTERFACE}")
        sh(f"ip route add default via {GATEWAY}")
        sh(f"ip -6 route add default via {GATEWAY6}")
        index = socket.if_nametoindex(INTERFACE)
        libbpf.xdp_attach(index, program, libbpf.XDP_FLAGS_DRV_MODE)
        yield index
    finally:
        _libc.setns(outside, _CLONE_NEWNET)
        os.close(outside)

"""The real server's end of a tunnel, for kernels without such devices.

Not a test: test_veth_methods.py starts it. Takes the outer headers off and gives the inner
packet to the host's own stack. Arguments: ipip, gue or gre, and the outer packet's MTU.
"""

import socket
import sys


def main() -> None:
    kind = sys.argv[1]
    if kind == "gue":
        tunnel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tunnel.bind(("", 6080))
        header = 4
    else:
        protocol = 4 if kind == "ipip" else 47
        tunnel = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        header = 20 if kind == "ipip" else 20 + 8
    inner = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    print("unwraps", flush=True)
    while True:
        packet = tunnel.recv(65535)[header:]
        inner.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))


if __name__ == "__main__":
    main()

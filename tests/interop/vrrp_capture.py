"""Runs inside a host: writes every frame that comes in by eth0 to a file in pcap's format.

    python vrrp_capture.py FILE

Says `ready` when it listens. Ends when it is killed.
"""

import socket
import struct
import sys

_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_NANOSECONDS, _ETHERNET = 0xA1B23C4D, 1


def main() -> None:
    with (
        open(sys.argv[1], "wb", buffering=0) as file,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as sniffer,
    ):
        sniffer.bind(("eth0", 0))
        sniffer.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        file.write(struct.pack("=IHHiIII", _NANOSECONDS, 2, 4, 0, 0, 65535, _ETHERNET))
        print("ready", flush=True)
        while True:
            frame, ancillary, _, address = sniffer.recvmsg(65535, 64)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            second, nanosecond = struct.unpack("ll", ancillary[0][2][:16])
            size = len(frame)
            file.write(struct.pack("=IIII", second, nanosecond, size, size) + frame)


if __name__ == "__main__":
    main()

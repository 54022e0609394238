"""Runs inside a host of the lab: prints VRRP, ARP and BFD frames as JSON lines, with kernel time.

python capture.py SECONDS [INTERFACE]
"""

import json
import socket
import struct
import sys
import time

_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35


def describe(frame: bytes) -> dict[str, object] | None:
    """What a test wants to know of a frame; None for what is none of them."""
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == 0x0806:
        operation = struct.unpack("!H", frame[20:22])[0]
        sender, target = (socket.inet_ntoa(frame[at : at + 4]) for at in (28, 38))
        return {
            "kind": "arp",
            "operation": operation,
            "sender": sender,
            "target": target,
            "gratuitous": sender == target,
            "mac": frame[6:12].hex(":"),
        }
    if kind == 0x0800 and frame[23] == 112:
        start = 14 + (frame[14] & 15) * 4
        vrrp = frame[start:]
        return {
            "kind": "vrrp",
            "mac": frame[6:12].hex(":"),
            "source": socket.inet_ntoa(frame[26:30]),
            "ttl": frame[22],
            "version": vrrp[0] >> 4,
            "vrid": vrrp[1],
            "priority": vrrp[2],
            "payload": vrrp.hex(),
        }
    if kind == 0x0800 and frame[23] == 17 and frame[36:38] == b"\x0e\xc8":
        return {"kind": "bfd", "source": socket.inet_ntoa(frame[26:30]), "frame": frame.hex()}
    return None


def main() -> None:
    seconds = float(sys.argv[1])
    interface = sys.argv[2] if len(sys.argv) > 2 else "eth1"
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as sniffer:
        sniffer.bind((interface, 0))
        sniffer.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        print(json.dumps({"kind": "ready"}), flush=True)
        while (left := end - time.monotonic()) > 0:
            sniffer.settimeout(left)
            try:
                frame, ancillary, _, address = sniffer.recvmsg(2048, 64)
            except TimeoutError:
                break
            if address[2] == socket.PACKET_OUTGOING or len(frame) < 34:
                continue
            found = describe(frame)
            if found is not None:
                second, nanosecond = struct.unpack("ll", ancillary[0][2][:16])
                found["time"] = second + nanosecond / 1e9
                print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

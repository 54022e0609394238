"""Golden data of kernel IPVS: its commands for a director of ours, and its frames compared."""

import json
import re
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from frames import DIRECTOR, VIP, Director, checksum, ethernet, server_mac
from frames6 import DIRECTOR6, VIP6, ethernet6, is_right

from trimaran.dataplane.base import (
    Destination,
    Service,
    Settings,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

DATA = Path(__file__).parents[1] / "data" / "ipvs"
GUE_PORT = 6080
_PROTOCOLS = {"t": Protocol.TCP, "u": Protocol.UDP, "-sctp-service": Protocol.SCTP}
_METHODS = {
    "-g": Forwarding.DIRECT_ROUTING,
    "-i": Forwarding.TUNNEL,
    "-m": Forwarding.MASQUERADING,
}


def load(name: str) -> Any:
    """A file of golden data; its ICMP errors and frames are as they were on the wire."""
    return json.loads((DATA / f"{name}.json").read_text())


class Ipvsadm:
    """Just enough of ipvsadm to bring a director where the golden commands bring one."""

    def __init__(self, director: Director) -> None:
        self.director = director
        self.services: dict[ServiceKey, list[Destination]] = {}

    def run(self, command: str) -> None:
        if setting := re.fullmatch(r"sysctl -w net\.ipv4\.vs\.(\w+)=(\d+)", command):
            plane = self.director.plane
            plane.set_behaviour(replace(plane.behaviour(), **{setting[1]: int(setting[2])}))
            return
        action = command.split()[1]
        if action == "-C":
            self.services.clear()
        elif match := re.search(r"-(t|u|-sctp-service) (\S+):(\d+)", command):
            vip = ip_address(match[2].strip("[]"))
            if vip in (VIP, VIP6):
                self._change(action, ServiceKey(_PROTOCOLS[match[1]], vip, int(match[3])), command)
        desired = [Service(k, Settings("rr"), tuple(d)) for k, d in self.services.items()]
        self.director.plane.apply(desired)

    def _change(self, action: str, key: ServiceKey, command: str) -> None:
        real = re.search(r"-r ([\d.]+|\[\S+\])(?::(\d+))?", command)
        if action == "-A":
            self.services[key] = []
        elif action == "-D":
            del self.services[key]
        elif real:
            server = ServerKey(ip_address(real[1].strip("[]")), int(real[2] or key.port))
            if action == "-a":
                self.services[key].append(_destination(server, command))
            else:
                self.services[key] = [d for d in self.services[key] if d.key != server]


def _destination(server: ServerKey, command: str) -> Destination:
    method = next(m for word, m in _METHODS.items() if word in command.split())
    kind = re.search(r"--tun-type (\w+)", command)
    port = re.search(r"--tun-port (\d+)", command)
    sums = re.search(r"--tun-(nocsum|csum|remcsum)", command)
    tunnel = Tunnel(
        TunnelType(kind[1] if kind else "ipip"),
        int(port[1]) if port else 0,
        TunnelChecksum(sums[1] if sums else "nocsum"),
    )
    return Destination(server, forwarding=method, tunnel=tunnel)


def received(packet: bytes) -> bytes:
    """The frame that it came in: a server's have its MAC address, others the gateway's."""
    if packet[0] >> 4 == 6:
        return ethernet6(packet)
    frame = ethernet(packet)
    if packet[12:15] == bytes([192, 168, 1]):
        frame = frame[:6] + server_mac(packet[15]) + frame[12:]
    return frame


def masked(frame: bytes) -> str:
    """Without what is anyone's choice: the identification of a header that the director makes
    and does not mark DF, GUE's source port, and the (right) checksums that follow from these."""
    if frame[12:14] == b"\x86\xdd":
        return _masked6(frame).hex()
    made, df, protocol = frame[26:30] in (VIP.packed, DIRECTOR.packed), frame[20] & 0x40, frame[23]
    tunnelled = protocol in (4, 17, 41, 47) and frame[30:33] == b"\xc0\xa8\x01"
    if (made and protocol == 1) or tunnelled:
        if not df:
            assert checksum(frame[14:34]) == 0
            frame = frame[:18] + b"\0\0" + frame[20:24] + b"\0\0" + frame[26:]
        if protocol == 17 and int.from_bytes(frame[36:38]) == GUE_PORT:
            pseudo = frame[26:34] + b"\0\x11" + frame[38:40]
            summed = any(frame[40:42])
            if summed and not frame[20] & 0x20:
                assert checksum(pseudo + frame[34:]) == 0
            mark = b"\xff\xff" if summed else b"\0\0"
            frame = frame[:34] + b"\0\0" + frame[36:40] + mark + frame[42:]
    return frame.hex()


def _masked6(frame: bytes) -> bytes:
    """GUE's source port, and the flow label of errors, which Linux makes a hash."""
    source, protocol = frame[22:38], frame[20]
    if source in (VIP6.packed, DIRECTOR6.packed) and protocol == 58:
        assert is_right(frame, 58)
        return frame[:15] + b"\0\0\0" + frame[18:]
    if protocol == 17 and int.from_bytes(frame[56:58]) == GUE_PORT:
        assert not any(frame[60:62]) or is_right(frame, 17)
        return frame[:54] + b"\0\0" + frame[56:60] + bytes([any(frame[60:62])] * 2) + frame[62:]
    return frame


def states(director: Director) -> list[dict[str, Any]]:
    """The connections, as far as golden data and we have the same to say."""
    return [
        {"c": str(f.client), "cp": f.client_port, "d": str(f.destination.address), "st": f.state}
        for f in director.flows()
    ]

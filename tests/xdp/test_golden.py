"""Packets in, frames out, byte for byte as kernel IPVS did (shared golden data)."""

import json
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from frames import DROP, PASS, VIP, Director, ethernet

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.service import Protocol, ServerKey, ServiceKey

DATA = Path(__file__).parents[1] / "data" / "ipvs"


class Ipvsadm:
    """Just enough of ipvsadm to bring a director where the golden commands bring one."""

    def __init__(self, director: Director) -> None:
        self.director = director
        self.services: dict[ServiceKey, list[Destination]] = {}

    def run(self, command: str) -> None:
        action = command.split()[1]
        if action == "-C":
            self.services.clear()
        elif match := re.search(rf"-([tu]) {re.escape(str(VIP))}:(\d+)", command):
            protocol = Protocol.TCP if match[1] == "t" else Protocol.UDP
            key = ServiceKey(protocol, VIP, int(match[2]))
            self._change(action, key, re.search(r"-r ([\d.]+):(\d+)", command))
        desired = [Service(k, Settings("rr"), tuple(d)) for k, d in self.services.items()]
        self.director.plane.apply(desired)

    def _change(self, action: str, key: ServiceKey, real: "re.Match[str] | None") -> None:
        if action == "-A":
            self.services[key] = []
        elif action == "-D":
            del self.services[key]
        elif real:
            server = ServerKey(IPv4Address(real[1]), int(real[2]))
            if action == "-a":
                self.services[key].append(Destination(server))
            else:
                self.services[key] = [d for d in self.services[key] if d.key != server]


def masked(frame: bytes) -> str:
    """Without the identification (and so the checksum) of an ICMP error's own header."""
    if frame[23] == 1:
        frame = frame[:18] + b"\0\0" + frame[20:24] + b"\0\0" + frame[26:]
    return frame.hex()


def states(director: Director) -> list[dict[str, Any]]:
    return [
        {"c": str(f.client), "cp": f.client_port, "d": str(f.destination.address), "st": f.state}
        for f in director.flows()
    ]


@pytest.mark.parametrize("name", ["dr4-tcp", "dest-removed", "no-dest"])
def test_golden(director: Director, name: str) -> None:
    golden = json.loads((DATA / f"{name}.json").read_text())
    ipvsadm = Ipvsadm(director)
    for command in golden["config"]:
        ipvsadm.run(command)
    for step in golden["steps"]:
        if step["inject"][0].startswith("6"):
            continue  # IPv6
        for command in step["before"]:
            ipvsadm.run(command)
        sent = ethernet(bytes.fromhex(step["inject"][0]))
        verdict, out = director.send(sent)
        emitted = [masked(bytes.fromhex(frame)) for frame in step["emitted"]]
        if verdict == PASS:
            # The golden answer came from the director's own stack.
            assert out == sent
            assert not emitted or step["emitted_desc"][0].startswith("mfefe"), step["note"]
        elif verdict == DROP:
            assert emitted == [], step["note"]
        else:
            assert [masked(out)] == emitted, step["note"]
        keys = ("c", "cp", "d", "st")
        assert states(director) == [{k: c[k] for k in keys} for c in step["conns"]], step["note"]

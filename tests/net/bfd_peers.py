"""For tests of BFD between the directors of a lab: configurations, and what they say of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scapy.contrib.bfd import BFD
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from watching import Frame

from trimaran.lab.host import LabHost, wait_until

SERVICE = """
virtual_server 192.168.1.99 80 {
  lvs_sched rr
  lvs_method DR
  protocol TCP
  real_server 192.168.1.201 80 {
    BFD_CHECK { name peer }
  }
}
"""


def session(neighbour: LabHost | str, *words: str) -> str:
    """A `bfd_instance`; 100 ms, so that a busy machine breaks no session."""
    address = neighbour if isinstance(neighbour, str) else str(neighbour.address)
    inside = [f"neighbor_ip {address}", "min_rx 100", "min_tx 100", *words]
    return "bfd_instance peer {\n" + "\n".join(inside) + "\n}\n"


@contextmanager
def director(host: LabHost, text: str) -> Iterator[None]:
    """Run trimaran on a host with this configuration until the end of the block."""
    (host.directory / "trimaran.conf").write_text(text)
    host.start_service()
    try:
        yield
    finally:
        host.stop_service()


def said(host: LabHost) -> dict[str, Any]:
    """What a director says of its session; empty if nothing yet."""
    status = host.status()
    return status["bfd_sessions"][0] if status and status["bfd_sessions"] else {}


def wait_for(host: LabHost, state: str, seconds: float = 10) -> dict[str, Any]:
    """Wait until the session of a director is in this state."""
    text = f"the session of {host.name} is {state}"

    def arrived() -> dict[str, Any] | None:
        return now if (now := said(host)).get("state") == state else None

    return wait_until(text, arrived, seconds) or {}


def serves(host: LabHost) -> bool | None:
    """Whether a director takes the server that stands or falls with the session for fit."""
    status = host.status()
    found: bool | None = status["services"][0]["servers"][0]["up"] if status else None
    return found


def read(frame: Frame) -> tuple[IP, UDP, BFD]:
    """A captured frame as scapy reads it."""
    packet = Ether(bytes.fromhex(str(frame["frame"])))
    return packet[IP], packet[UDP], packet[BFD]

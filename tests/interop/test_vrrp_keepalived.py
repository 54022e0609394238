"""trimaran and Debian's keepalived on one segment, each as master with the other as backup."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.vrrp import VRRP, VRRPv3
from scapy.packet import Packet
from vrrp_network import Network, Router, network, wait_for

from trimaran.vrrp import ah

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="needs keepalived"),
]


@dataclass(frozen=True)
class Mode:
    """A way to speak VRRP. `lines` may use {me} and {peer}."""

    vip: str
    lines: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def text(self, me: Router, peer: Router, priority: int, extra: str = "") -> str:
        """What both programs read."""
        ipv6 = ":" in self.vip
        length = 64 if ipv6 else 24
        addresses = {
            "me": me.sixth if ipv6 else me.address,
            "peer": peer.sixth if ipv6 else peer.address,
        }
        lines = self.lines.format_map(addresses)
        return f"""\
vrrp_instance one {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  {lines}
  {extra}
  virtual_ipaddress {{
    {self.vip}/{length}
  }}
}}
"""


UNICAST = "unicast_src_ip {me}\n  unicast_peer {{\n    {peer}\n  }}\n"
PASS = "authentication {{\n    auth_type PASS\n    auth_pass secret\n  }}\n"
AH = PASS.replace("PASS", "AH")
V2, V3, V6 = "10.88.0.10", "10.88.0.10", "fe80::10"
QUICK = "version 3\n  advert_int 0.2\n"
MODES = {
    "v2": Mode(V2, "version 2\n"),
    "v3": Mode(V3, QUICK),
    "v2-pass": Mode(V2, "version 2\n  " + PASS),
    "v2-ah": Mode(V2, "version 2\n  " + AH),
    "v2-unicast": Mode(V2, "version 2\n  " + UNICAST),
    "v2-unicast-pass": Mode(V2, "version 2\n  " + UNICAST + PASS),
    "v3-unicast": Mode(V3, QUICK + UNICAST),
    "ipv6": Mode(V6, QUICK),
    "ipv6-unicast": Mode(V6, QUICK + UNICAST),
    "v2-vmac": Mode(V2, "version 2\n  use_vmac\n"),
    "v3-vmac": Mode(V3, QUICK + "use_vmac\n"),
    "v3-vmac-base": Mode(V3, QUICK + "use_vmac\n  vmac_xmit_base\n"),
    "ipv6-vmac": Mode(V6, QUICK + "use_vmac\n"),
}
PROGRAMS = [("trimaran", "keepalived"), ("keepalived", "trimaran")]
IN_SHORT = ("v3", PROGRAMS[0])
"""What `make test` tries; the rest is `make test-interop`."""


def _cases() -> Iterator[object]:
    for name, mode in MODES.items():
        for programs in PROGRAMS:
            marks = () if (name, programs) == IN_SHORT else (pytest.mark.long,)
            yield pytest.param(mode, programs, id="-".join((name, *programs)), marks=marks)


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Network]:
    with network(tmp_path) as made:
        yield made


def only_one_holds(net: Network, holder: Router, vip: str) -> bool:
    other = net.b if holder is net.a else net.a
    return holder.holds(vip) and not other.holds(vip)


@pytest.mark.parametrize(("mode", "programs"), [*_cases()])
def test_each_is_master_and_backup_of_the_other(
    segment: Network, mode: Mode, programs: tuple[str, str]
) -> None:
    """b starts alone, a with the higher priority preempts it, leaves, and comes back."""
    a, b = segment.a, segment.b
    b.start(programs[1], mode.text(b, a, 100))
    wait_for("b is master", lambda: b.holds(mode.vip))
    a.start(programs[0], mode.text(a, b, 200))
    wait_for("a preempts", lambda: only_one_holds(segment, a, mode.vip))
    before = len(segment.adverts(a))
    wait_for("a goes on", lambda: len(segment.adverts(a)) >= before + 3)
    assert only_one_holds(segment, a, mode.vip)
    a.stop()
    wait_for("b takes over", lambda: only_one_holds(segment, b, mode.vip))
    a.start(programs[0], mode.text(a, b, 200))
    wait_for("a comes back", lambda: only_one_holds(segment, a, mode.vip))
    _look_at_the_adverts(segment)
    _nothing_was_complained_of(segment)


def _look_at_the_adverts(net: Network) -> None:
    """They decode clean, with the checksums that scapy makes, and both say the same."""
    said = set()
    for router in (net.a, net.b):
        adverts = net.adverts(router)
        assert any(_vrrp(advert).priority == 0 for advert in adverts) or router is net.b
        for advert in adverts:
            vrrp = _vrrp(advert)
            assert vrrp is not None, advert.summary()
            said.add((vrrp.version, vrrp.vrid, tuple(vrrp.addrlist), vrrp.ipcount))
    assert len(said) <= 1, said


def _vrrp(advert: Packet) -> Packet:
    if advert.haslayer(IP) and advert.proto == ah.PROTOCOL:
        return VRRP(bytes(advert)[4 * advert.ihl + ah.LENGTH :])
    return advert.getlayer(VRRP) or advert.getlayer(VRRPv3)


def _nothing_was_complained_of(net: Network) -> None:
    for router in (net.a, net.b):
        for line in router.log.splitlines():
            for bad in ("discarded", "checksum", "mismatch", "invalid", "incorrect", "dropped"):
                assert bad not in line.lower(), f"{router.program}: {line}"


@pytest.mark.long
@pytest.mark.parametrize("programs", PROGRAMS, ids="-".join)
@pytest.mark.parametrize("name", ["v2-pass", "v2-ah"])
def test_with_another_password_neither_hears_the_other(
    segment: Network, name: str, programs: tuple[str, str]
) -> None:
    a, b, mode = segment.a, segment.b, MODES[name]
    b.start(programs[1], mode.text(b, a, 100))
    wait_for("b is master", lambda: b.holds(mode.vip))
    a.start(programs[0], mode.text(a, b, 200).replace("secret", "guess"))
    wait_for("a is master too", lambda: a.holds(mode.vip))
    time.sleep(2.5)
    assert b.holds(mode.vip)


@pytest.mark.long
@pytest.mark.parametrize("programs", PROGRAMS, ids="-".join)
def test_nopreempt_leaves_the_other_alone(segment: Network, programs: tuple[str, str]) -> None:
    a, b, mode = segment.a, segment.b, MODES["v3"]
    b.start(programs[1], mode.text(b, a, 100))
    wait_for("b is master", lambda: b.holds(mode.vip))
    a.start(programs[0], mode.text(a, b, 200, "nopreempt"))
    time.sleep(3)
    assert only_one_holds(segment, b, mode.vip)
    b.stop()
    wait_for("a takes over", lambda: a.holds(mode.vip))

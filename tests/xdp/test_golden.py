"""Packets in, frames out, byte for byte as kernel IPVS did (shared golden data)."""

import pytest
from frames import DROP, PASS, TX, Director
from golden import Ipvsadm, load, masked, received, states

from trimaran.dataplane.xdp.layout import Event

NOT_THERE = ("pmtu_disc", "schedule_icmp")
"""Settings of IPVS that XDP has not."""

FRAGMENTED = "no DF 1200"
"""Kernel IPVS fragments the outer packet; XDP cannot, and tells the sender instead."""


@pytest.mark.parametrize(
    "name",
    [
        "dr4-tcp",
        "dest-removed",
        "dest-removed-expire_nodest_conn",
        "no-dest",
        "tun4-ipip",
        "tun4-gre-nocsum",
        "tun4-gue-csum",
        "tun4-gue-remcsum",
        "nat4-tcp",
        "nat4-icmp",
        "dr4-icmp",
        "sctp-nat",
    ],
)
def test_golden(gateway: Director, name: str) -> None:
    director, golden = gateway, load(name)
    ipvsadm = Ipvsadm(director)
    director.resolve(104, mtu=1000)
    for command in golden["config"]:
        ipvsadm.run(command)
    for step in golden["steps"]:
        if step["inject"][0].startswith("6"):
            continue  # IPv6
        if any(word in command for word in NOT_THERE for command in step["before"]):
            continue
        for command in step["before"]:
            ipvsadm.run(command)
        sent = received(bytes.fromhex(step["inject"][0]))
        verdict, out = director.send(sent)
        emitted = [masked(bytes.fromhex(frame)) for frame in step["emitted"]]
        if step["note"] == FRAGMENTED:
            assert (verdict, out[23], out[34:36]) == (TX, 1, b"\3\4")
        elif verdict == PASS:
            # The golden answer came from the director's own stack.
            assert out == sent
            assert not emitted or step["emitted_desc"][0].startswith("mfefe"), step["note"]
        elif verdict == DROP:
            assert emitted == [], step["note"]
        else:
            assert [masked(out)] == emitted, step["note"]
        keys = ("c", "cp", "d", "st")
        assert states(director) == [{k: c[k] for k in keys} for c in step["conns"]], step["note"]


def test_golden_fragments(gateway: Director) -> None:
    """In order, as golden; a fragment that overtakes its first is left to the kernel."""
    golden = load("dr4-fragments")
    ipvsadm = Ipvsadm(gateway)
    for command in golden["config"]:
        ipvsadm.run(command)
    in_order, out_of_order, lone = golden["steps"]
    sent = [received(bytes.fromhex(packet)) for packet in in_order["inject"]]
    assert [gateway.send(frame)[1].hex() for frame in sent] == in_order["emitted"]
    sent = [received(bytes.fromhex(packet)) for packet in out_of_order["inject"]]
    assert [gateway.send(frame)[0] for frame in sent] == [PASS, TX, TX]
    assert gateway.send(sent[0])[1].hex() == out_of_order["emitted"][2]
    assert gateway.send(received(bytes.fromhex(lone["inject"][0])))[0] == PASS
    assert gateway.plane.events()[Event.FRAGMENT] == 2

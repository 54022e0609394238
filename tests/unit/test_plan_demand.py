"""Demands that cannot be meant: one message each, in words."""

from fractions import Fraction
from typing import Any

import pytest

from trimaran.plan.problem import Demand, Host, Objective

ONE = Fraction(1)
HOSTS = (Host("a", ONE), Host("b", ONE), Host("c", ONE))
RACKS = (Host("a", ONE, "x"), Host("b", ONE, "x"), Host("c", ONE, "y"))


@pytest.mark.parametrize(
    ("hosts", "rest", "message"),
    [
        ((), {}, "there are no hosts"),
        ((HOSTS[0], HOSTS[0]), {}, "host a is named twice"),
        ((Host("a", Fraction(0)),), {"survive": 0}, "host a: link is 0"),
        ((Host("a", ONE, connections=-1),), {"survive": 0}, "host a: connections is -1"),
        ((Host("a", ONE, packets=ONE),), {"survive": 0}, "say how many packets there are in all"),
        (HOSTS, {"packets": ONE}, "host a: without traffic it needs a limit"),
        (HOSTS, {"survive": 3}, "loss of 3 of 3 hosts: at least 4 hosts are needed"),
        (HOSTS, {"survive": -1}, "cannot be negative"),
        (HOSTS, {"survive_domains": 1}, "1 failure domains are to be survived, but .* only 0"),
        (RACKS, {"survive_domains": 2}, "they can hold every host"),
        (HOSTS, {"traffic": Fraction(0)}, "traffic is 0: it must be above zero"),
        (HOSTS, {"max_load": Fraction(-1, 2)}, "max_load is -1/2"),
        (HOSTS, {"vips": 0}, "0 VIPs: at least one is needed"),
        (HOSTS, {"vips": 300}, "300 VIPs: a segment has 255 VRIDs"),
        (HOSTS, {"vips": (ONE, -ONE)}, "a VIP has weight -1"),
        (HOSTS, {"vips": (Fraction(1, 10**16), ONE)}, "too many digits"),
        (HOSTS, {"objective": Objective.PEAK}, "objective peak needs the number of VIPs"),
        (HOSTS, {"objective": Objective.FIT}, "objective fit needs traffic, packets or"),
    ],
)
def test_wrong_values(hosts: tuple[Host, ...], rest: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Demand(hosts, **rest)

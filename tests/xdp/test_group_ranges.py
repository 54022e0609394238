"""What a virtual_server_group names, from the file to frames: ranges of addresses and of ports."""

from itertools import product

import pytest
from frames import PASS, SYN, Director, tcp
from frames6 import Director6, server6_mac, tcp6

from trimaran.conf import load
from trimaran.daemon.desired import desired_services

FILE = b"""
virtual_server group web {
  protocol TCP
  lvs_sched rr
  lvs_method DR
  real_server 192.168.1.101 {
  }
  real_server 192.168.1.102 {
  }
}
virtual_server_group web {
  10.5.0.1-3 80
  10.5.1.0/30 8000-8003
  10.5.2.254-10.5.3.1 443
  10.5.4.1
}
virtual_server group web6 {
  protocol TCP
  lvs_sched rr
  lvs_method DR
  real_server 2001:db8:1::101 {
  }
}
virtual_server_group web6 {
  2001:db8:5::a-c 8000-8001
}
"""
ALL_PORTS = "10.5.4.1"
SERVED = [
    *product(("10.5.0.1", "10.5.0.2", "10.5.0.3"), (80,)),
    *product((f"10.5.1.{n}" for n in range(4)), range(8000, 8004)),
    *product(("10.5.2.254", "10.5.2.255", "10.5.3.0", "10.5.3.1"), (443,)),
    *product((ALL_PORTS,), (1, 80, 65535)),
]
BESIDE = [
    *(("10.5.0.0", 80), ("10.5.0.4", 80), ("10.5.0.1", 81)),
    *(("10.5.1.3", 7999), ("10.5.1.0", 8004), ("10.5.1.4", 8000)),
    *(("10.5.2.253", 443), ("10.5.3.2", 443), ("10.5.4.2", 80)),
]


@pytest.fixture
def grouped(director: Director) -> Director:
    """All real servers fit, and all addresses of the services held, and those beside them."""
    config = load(FILE, "f").config
    assert config is not None
    fit = {(s.key, server.key): True for s in config.virtual_services for server in s.real_servers}
    Director6(director)  # which resolves its servers
    director.plane.apply(desired_services(config.virtual_services, fit))
    assert director.plane.left_out() == ()
    addresses = director.plane.virtual_addresses()
    director.plane.set_held({*addresses, *(a + n for a in addresses for n in (-1, 1))})
    return director


def test_every_address_and_port_of_a_range_is_a_service_of_its_own(grouped: Director) -> None:
    assert len(grouped.plane.services()) == 3 + 4 * 4 + 4 + 1 + 3 * 2
    for address, port in SERVED:
        found = [grouped.chosen(tcp(SYN, port=n, to=port, target=address)) for n in (1, 2)]
        if address == ALL_PORTS:  # which makes a service persistent
            assert found in ([101, 101], [102, 102])
        else:  # each goes round by itself
            assert sorted(found) == [101, 102]
    for address, port in BESIDE:
        assert grouped.send(tcp(SYN, to=port, target=address))[0] == PASS


def test_ipv6(grouped: Director) -> None:
    for last, port in product("abc", (8000, 8001)):
        out = grouped.send(tcp6(SYN, to=port, target=f"2001:db8:5::{last}"))[1]
        assert out[:6] == server6_mac(101)
    for last, port in (("9", 8000), ("d", 8001), ("a", 7999), ("c", 8002)):
        assert grouped.send(tcp6(SYN, to=port, target=f"2001:db8:5::{last}"))[0] == PASS

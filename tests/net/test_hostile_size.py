"""A configuration that is larger than any: 50,000 virtual services."""

import resource

import pytest
from test_processes import longest_gap
from watching import VIP, reconfigure, router, wait_for_state, watch

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

SERVICES = 50_000
ROUTER = f"""\
vrrp_instance ip1 {{
  interface eth1
  virtual_router_id 1
  virtual_ipaddress {{
    {VIP}/24
  }}
}}
"""
SERVICE = """\
virtual_server 10.{net}.{host}.1 {port} {{
  protocol TCP
  lvs_method DR
  real_server 192.168.1.201 {port} {{
    weight 1
  }}
}}
"""


def resident(director: LabHost) -> int:
    """Bytes of memory of all processes of the daemon."""
    pages = 0
    for pid in director.pids("trimaran"):
        with open(f"/proc/{pid}/statm") as statm:
            pages += int(statm.read().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_fifty_thousand_virtual_services(bare_lab: Lab) -> None:
    """They are served; adverts go on while they are read again, and memory is bounded."""
    lb1 = bare_lab.host("lb1")
    services = (
        SERVICE.format(net=n // 200, host=n % 200, port=1000 + n // 10000) for n in range(SERVICES)
    )
    (lb1.directory / "trimaran.conf").write_text(ROUTER + "".join(services))
    lb1.start_service(timeout=200)
    wait_for_state(lb1, "MASTER", 60)
    listed = ["trimaran", "ipvsadm", "-Sn"]
    wait_until(
        "all are served",
        lambda: lb1.output(listed, timeout=60).count("-A -t") == SERVICES,
        60,
    )
    with watch(bare_lab.host("client"), 200) as wire:
        reconfigure(lb1, ("weight 1\n  }\n}\nvirtual_server 10.0.1.1 ",
                          "weight 7\n  }\n}\nvirtual_server 10.0.1.1 "))  # fmt: skip
        said = lb1.output(["trimaran", "reload"], timeout=150)
        wire.wait_for(3, 30, kind="vrrp")
    assert "server 192.168.1.201:1000: weight 1 -> 7\n" in said
    assert longest_gap(wire) < 1.5
    assert lb1.output(listed, timeout=60).count(" -w 7\n") == 1
    assert router(lb1)["transitions"] == 2
    assert resident(lb1) < 3 << 30

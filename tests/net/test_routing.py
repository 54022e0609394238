"""Routes and rules of virtual routers: they go with the master, and come back if taken away."""

import signal

from two_directors import configure, has, routers, two_directors, wait_for

from trimaran.lab.host import LabHost, wait_until

CONFIG = """
static_routes {
  10.77.0.0/16 via 192.168.1.254 dev eth1
}
vrrp_instance a {
  interface eth1
  virtual_router_id 1
  priority PRIORITY
  version 3
  advert_int 0.2
  virtual_ipaddress {
    192.168.1.10/24
  }
  virtual_ipaddress_excluded {
    192.168.1.11/24
    2001:db8::10/64 dev eth2
  }
  virtual_routes {
    10.66.0.0/16 via 10.2.0.9 dev eth2 src 192.168.1.10 table 66
    blackhole 10.67.0.0/16
  }
  virtual_rules {
    from 192.168.1.10 table 66 preference 66
  }
}
"""
MORE = CONFIG.replace("blackhole 10.67.0.0/16", "blackhole 10.68.0.0/16")


def routes(host: LabHost) -> list[str]:
    """What of ours there is: destinations of routes, and preferences of rules."""
    found = host.output(["ip", "route", "show", "table", "all", "proto", "18"]).splitlines()
    rules = host.output(["ip", "rule", "show"]).splitlines()
    lines = [line.removeprefix("blackhole ").split()[0] for line in found]
    return sorted(lines + [line.split(":")[0] for line in rules if "keepalived" in line])


STATIC, ALL = ["10.77.0.0/16"], ["10.66.0.0/16", "10.67.0.0/16", "10.77.0.0/16", "66"]


def wait_for_routes(host: LabHost, wanted: list[str]) -> None:
    wait_until(f"{host.name} has {wanted}", lambda: routes(host) == wanted, 10)


def test_routes_and_rules_go_with_the_master() -> None:
    with two_directors(CONFIG) as (lb1, lb2):
        wait_for(lb1, "MASTER")
        wait_for_routes(lb1, ALL)
        wait_for_routes(lb2, STATIC)
        assert has(lb1, "192.168.1.11")
        assert has(lb1, "2001:db8::10", "eth2")
        assert routers(lb2)["a"]["discarded"] == {}
        assert "advertises other addresses" not in lb2.log
        lb1.run(["ip", "address", "del", "2001:db8::10/64", "dev", "eth2"])
        wait_until("it is back", lambda: has(lb1, "2001:db8::10", "eth2"), 10)

        # Somebody takes them away: they are put back.
        lb1.run(["ip", "route", "del", "10.66.0.0/16", "table", "66"])
        lb1.run(["ip", "rule", "del", "preference", "66"])
        lb1.run(["ip", "route", "del", "10.77.0.0/16"])
        wait_for_routes(lb1, ALL)
        assert "rule 66: from 192.168.1.10/32 table 66 was removed by somebody" in lb1.log

        # With the address goes the route that it is the source of; both are put back.
        lb1.run(["ip", "address", "del", "192.168.1.10/24", "dev", "eth1"])
        wait_until("said", lambda: "192.168.1.10 was removed by somebody" in lb1.log, 5)
        wait_for_routes(lb1, ALL)

        # A reload moves what has changed, and nothing else.
        configure(lb1, MORE)
        lb1.reload_service()
        wait_for_routes(lb1, [one.replace("67", "68") for one in ALL])

        # The speaker dies: nothing of its virtual routers stays behind without it.
        lb1.send("trimaran.daemon speaker", signal.SIGKILL)
        wait_until("said", lambda: "nobody holds it any more" in lb1.log, 5)
        wait_for_routes(lb1, [one.replace("67", "68") for one in ALL])

        lb1.stop_service()
        assert routes(lb1) == []
        assert not has(lb1, "192.168.1.11")
        assert not has(lb1, "2001:db8::10", "eth2")
        wait_for(lb2, "MASTER")
        wait_for_routes(lb2, ALL)

"""How long a reload takes that changes one weight among thousands of virtual services.

A director of the lab, with its checks, serves so many virtual services of two real servers each;
then one weight is changed and `trimaran reload` run: from its start until the dataplane has the
new weight and the command has said so. Parsing is in it. keepalived 2.2.7 took, on this kind of
machine (shared/keepalived-pains.md): 1,000 services 0.75 s, 2,000 5 to 7 s, 5,000 105 to 150 s.
Needs root.
"""

import argparse
import time
from ipaddress import IPv4Address

from trimaran.lab import lab as labs
from trimaran.lab.host import LabHost, wait_until

_KEEPALIVED = {1000: "0.75", 2000: "5-7", 5000: "105-150"}
_FIRST = IPv4Address("10.0.0.1")
_ROUTER = """\
vrrp_instance ip1 {
  interface eth1
  virtual_router_id 1
  virtual_ipaddress {
    192.168.1.10/24
  }
}
"""


def config(services: int, weight: int) -> str:
    """`weight` is that of the first server of the service in the middle."""
    blocks = [
        f"""\
virtual_server {_FIRST + number} 80 {{
  delay_loop 10
  lb_algo rr
  lb_kind DR
  protocol TCP
  real_server 192.168.1.201 80 {{
    weight {weight if number == services // 2 else 1}
    TCP_CHECK {{
      connect_timeout 2
    }}
  }}
  real_server 192.168.1.202 80 {{
    weight 1
    TCP_CHECK {{
      connect_timeout 2
    }}
  }}
}}
"""
        for number in range(services)
    ]
    return _ROUTER + "".join(blocks)


def has_weight(director: LabHost, services: int, weight: int) -> bool:
    """Whether the dataplane has this weight in the service in the middle."""
    address = _FIRST + services // 2
    listed = director.run(["trimaran", "ipvsadm", "-Sn"], timeout=60).stdout
    return f"-a -t {address}:80 -r 192.168.1.201:80 -g -w {weight}\n" in listed


def measure(services: int, rounds: int) -> str:
    """The line to print."""
    with labs.running("trimaran-bench-reload", services=False) as lab:
        for server in lab.web_servers:
            server.start_service()
        director = lab.host("lb1")
        file = director.directory / "trimaran.conf"
        file.write_text(config(services, 1))
        director.start_service(timeout=120)
        wait_until("all is served", lambda: has_weight(director, services, 1), 120)
        times = []
        for weight in range(2, 2 + rounds):
            file.write_text(config(services, weight))
            begin = time.perf_counter()
            said = director.output(["trimaran", "reload"], timeout=120)
            times.append(time.perf_counter() - begin)
            if f"weight {weight - 1} -> {weight}" not in said:
                raise SystemExit(f"reload: not the change that was made:\n{said}")
            if not has_weight(director, services, weight):
                raise SystemExit("reload: the dataplane has another weight")
    keepalived = _KEEPALIVED.get(services, "unknown")
    return (
        f"reload: {services:,} services x 2, one weight changed: best {min(times):.2f} s of "
        f"{len(times)}, worst {max(times):.2f} s (keepalived 2.2.7: {keepalived} s)"
    )


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for services in arguments.services:
        print(measure(services, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()

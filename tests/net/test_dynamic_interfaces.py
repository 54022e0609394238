"""`dynamic_interfaces`: a director that is started before its interface is there.

And what it runs first and last: `startup_script`, `shutdown_script`.
"""

import pytest
from two_directors import configure, has, routers, wait_for
from watching import fresh_prefix

from trimaran.lab import lab as labs
from trimaran.lab.host import run_in, wait_until

CONFIG = """
global_defs {
  dynamic_interfaces
  script_user root
  startup_script "/bin/sh -c 'echo start >> HOME/scripts'"
  shutdown_script "/bin/sh -c 'echo end >> HOME/scripts'"
  shutdown_script_timeout 20
}
vrrp_instance late {
  interface eth9
  virtual_router_id 9
  priority PRIORITY
  version 3
  advert_int 0.2
  use_vmac
  virtual_ipaddress {
    10.9.0.10/24
  }
}
"""


@pytest.mark.long
def test_an_interface_may_appear_later_and_go_again() -> None:
    with labs.running(fresh_prefix(), services=False) as lab:
        lb1 = lab.host("lb1")
        configure(lb1, CONFIG.replace("HOME", str(lb1.directory)))
        scripts = lb1.directory / "scripts"
        lb1.start_service()
        try:
            wait_for(lb1, "FAULT")
            assert scripts.read_text() == "start\n"
            assert routers(lb1)["late"]["reason"] == "interface eth9 does not exist"
            for _ in range(2):
                run_in(lb1.namespace, ["ip", "link", "add", "eth9", "type", "veth"])
                for command in ("link set veth0 up", "link set eth9 up"):
                    lb1.run(["ip", *command.split()])
                lb1.run(["ip", "address", "add", "10.9.0.1/24", "dev", "eth9"])
                wait_for(lb1, "MASTER")
                wait_until("it has the address", lambda: has(lb1, "10.9.0.10", "vrrp.9"), 10)
                lb1.run(["ip", "link", "delete", "eth9"])
                wait_for(lb1, "FAULT")
            lb1.stop_service()
            assert scripts.read_text() == "start\nend\n"
        finally:
            print(lb1.log)

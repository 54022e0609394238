"""A master whose speaker was stopped for a while finds another one, and leaves it alone."""

import signal
import time

from two_directors import has, routers, two_directors, wait_for
from watching import child_pid

from trimaran.lab.host import wait_until

CONFIG = """
vrrp_instance a {
  state BACKUP
  interface eth2
  virtual_router_id 7
  priority PRIORITY
  version 3
  advert_int 0.2
  nopreempt
  virtual_ipaddress {
    10.2.0.10/24
  }
}
"""


def test_a_late_master_lets_go_of_what_another_one_has_taken_over() -> None:
    with two_directors(CONFIG) as (lb1, lb2):
        wait_for(lb1, "MASTER")
        wait_for(lb2, "BACKUP")
        lb1.send("trimaran.daemon speaker", signal.SIGSTOP)
        wait_for(lb2, "MASTER")
        transitions = routers(lb2)["a"]["transitions"]
        lb1.send("trimaran.daemon speaker", signal.SIGCONT)
        wait_for(lb1, "BACKUP")
        wait_until("it has let go", lambda: not has(lb1, "10.2.0.10", "eth2"), 10)
        assert "10.2.0.2 has taken over" in routers(lb1)["a"]["reason"]
        time.sleep(1)  # several intervals, in which nothing must happen
        assert routers(lb2)["a"]["state"] == "MASTER"
        assert routers(lb2)["a"]["transitions"] == transitions, "it was never disturbed"
        assert child_pid(lb1, "speaker")

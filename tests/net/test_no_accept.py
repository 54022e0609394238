"""`no_accept`: the master does not answer at its virtual address, and leaves no rules behind."""

import signal

from two_directors import configure, has, two_directors, wait_for

from trimaran.lab.host import LabHost, wait_until

CONFIG = """
vrrp_instance a {
  interface eth2
  virtual_router_id 1
  priority PRIORITY
  version 3
  advert_int 0.2
  no_accept
  virtual_ipaddress {
    10.2.0.10/24
  }
}
"""


REFUSED = 7
"""curl's exit status: somebody is there, and says that nobody listens."""


def answers(host: LabHost, address: str) -> bool:
    return host.run(["curl", "-s", "-m", "1", f"http://{address}:9/"]).returncode == REFUSED


def rules(host: LabHost) -> str:
    return host.output(["nft", "list", "ruleset"])


def test_the_master_does_not_answer_at_the_virtual_address() -> None:
    with two_directors(CONFIG) as (lb1, lb2):
        wait_for(lb1, "MASTER")
        wait_until("lb1 has the address", lambda: has(lb1, "10.2.0.10", "eth2"), 5)
        wait_until("the rules", lambda: "10.2.0.10 drop" in rules(lb1), 5)
        wait_for(lb2, "BACKUP")
        wait_until("its own address answers", lambda: answers(lb2, "10.2.0.1"), 10)
        assert not answers(lb2, "10.2.0.10")

        configure(lb1, CONFIG.replace("no_accept", "accept"))
        lb1.reload_service()
        wait_until("it answers", lambda: answers(lb2, "10.2.0.10"), 10)

        configure(lb1, CONFIG)
        lb1.reload_service()
        wait_until("the rules", lambda: "10.2.0.10 drop" in rules(lb1), 10)
        lb1.send("", signal.SIGSTOP)  # none sees another one die, and cleans up
        lb1.send("", signal.SIGKILL)
        configure(lb1, CONFIG.replace("no_accept", ""))
        wait_until("all are gone", lambda: not (lb1.pids("trimaran") or lb1.service), 5)
        lb1.start_service()
        wait_until("what was left is removed", lambda: rules(lb1) == "", 10)
        lb2.stop_service()
        assert rules(lb2) == ""

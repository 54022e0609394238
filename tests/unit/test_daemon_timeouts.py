"""`lvs_timeouts`: set while the configuration says so, and put back afterwards."""

from trimaran.conf import load
from trimaran.daemon.timeouts import ConfiguredTimeouts
from trimaran.model.timeouts import NO_TIMEOUTS, Timeouts

INSTANCE = "vrrp_instance x {\ninterface a\nvirtual_router_id 1\n}\n"


class Dataplane:
    def __init__(self) -> None:
        self.now = Timeouts()
        self.changes = 0

    def timeouts(self) -> Timeouts:
        return self.now

    def set_timeouts(self, timeouts: Timeouts) -> None:
        self.now = timeouts
        self.changes += 1


def test_they_are_what_the_configuration_says_and_come_back() -> None:
    dataplane = Dataplane()
    configured = ConfiguredTimeouts(dataplane)
    assert configured.want(NO_TIMEOUTS) == ()
    assert configured.want(Timeouts(60, 0, 30)) == ("timeouts: tcp 60 tcpfin 120 udp 30",)
    assert dataplane.now == Timeouts(60, 120, 30)
    configured.want(Timeouts(0, 10, 0))
    assert dataplane.now == Timeouts(900, 10, 300)
    configured.restore()
    assert dataplane.now == Timeouts()


def test_what_is_changed_by_hand_stays_until_the_configuration_changes() -> None:
    dataplane = Dataplane()
    configured = ConfiguredTimeouts(dataplane)
    configured.want(Timeouts(60, 0, 0))
    dataplane.now = Timeouts(1, 2, 3)
    assert configured.want(Timeouts(60, 0, 0)) == ()
    assert dataplane.now == Timeouts(1, 2, 3)


def test_the_keyword() -> None:
    def timeouts(text: str) -> Timeouts | str:
        result = load(f"global_defs {{\n{text}\n}}\n{INSTANCE}".encode(), "f")
        return result.config.timeouts if result.config else str(result.diagnostics[0])

    assert timeouts("") == NO_TIMEOUTS
    assert timeouts("lvs_timeouts tcp 60") == Timeouts(60, 0, 0)
    assert timeouts("lvs_timeouts udp 5 tcpfin 2678400 tcp 0") == Timeouts(0, 2678400, 5)
    assert "out of range" in str(timeouts("lvs_timeouts udp 2678401"))
    assert "'sctp' is no timeout" in str(timeouts("lvs_timeouts sctp 5"))
    assert "udp needs a value" in str(timeouts("lvs_timeouts udp"))

"""What a probe's record and a director's listings mean."""

from trimaran.lab.listings import connection_lines, destination_counts
from trimaran.lab.probe import Attempt
from trimaran.lab.traffic import Outage, outage


def attempts(marks: str) -> list[Attempt]:
    """One attempt every 10, `.` good and `x` failed."""
    return [
        Attempt(place * 10, place * 10 + 5, "RealServer 1" if mark == "." else None)
        for place, mark in enumerate(marks)
    ]


def test_no_failure_is_no_outage() -> None:
    assert outage(attempts("....")) is None
    assert outage([]) is None


def test_an_outage_lasts_from_good_to_good() -> None:
    assert outage(attempts("..xxx.")) == Outage(10, 50, 3)
    assert outage(attempts("..xxx.")).duration == 40  # type: ignore[union-attr]


def test_good_attempts_between_failures_do_not_shorten_it() -> None:
    assert outage(attempts(".x.x.")) == Outage(0, 40, 2)


def test_an_outage_with_an_open_end() -> None:
    assert outage(attempts(".xx")) == Outage(0, 20, 2)
    assert outage(attempts("xx.")) == Outage(0, 20, 2)


def test_only_what_started_since() -> None:
    assert outage(attempts("x...x."), since=10) == Outage(30, 50, 1)


def test_attempts_in_the_order_of_their_end() -> None:
    assert outage(reversed(attempts("..xxx."))) == Outage(10, 50, 3)


def test_a_listing_of_connections() -> None:
    [line] = connection_lines(
        "IPVS connection entries\n"
        "pro expire state       source             virtual            destination\n"
        "TCP 01:57  FIN_WAIT    192.168.1.11:41234 192.168.1.10:80    192.168.1.201:80\n"
    )
    assert (line.state, line.source) == ("FIN_WAIT", "192.168.1.11:41234")
    assert line.destination == "192.168.1.201:80"


def test_a_listing_of_services() -> None:
    assert destination_counts(
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        "TCP  192.168.1.10:80 rr\n"
        "  -> 192.168.1.202:80             Route   1      0          5         \n"
        "  -> 192.168.1.201:80             Route   1      1          4         \n"
    ) == {"192.168.1.202:80": (0, 5), "192.168.1.201:80": (1, 4)}

"""Several checks a server, several servers a check, and what a reload keeps."""

from ipaddress import IPv4Address

from trimaran.health.roster import Roster, Standing
from trimaran.health.verdict import UNCHECKED, UNKNOWN, Verdict, of_server
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

UP = Verdict(True, "connected")
REFUSED = Verdict(False, "connection refused")
SILENT = Verdict(False, "no answer within 5 s")

WEB1, WEB2 = IPv4Address("192.168.1.201"), IPv4Address("192.168.1.202")


def check(address: IPv4Address = WEB1, port: int = 80, retry: int = 1) -> TcpCheck:
    return TcpCheck(address, port, timing=CheckTiming(retry=retry))


def real_server(*checks: TcpCheck, address: IPv4Address = WEB1) -> RealServer:
    return RealServer(ServerKey(address, 80), checks=checks)


def service(*servers: RealServer, port: int = 80) -> VirtualService:
    key = ServiceKey(Protocol.TCP, IPv4Address("192.168.1.10"), port)
    return VirtualService(key, "rr", Forwarding.DIRECT_ROUTING, servers)


def told(standings: list[Standing]) -> list[str]:
    return [f"{s.server}@{s.service.port} {s.verdict.up} {s.verdict.reason}" for s in standings]


class TestOneServer:
    def test_without_checks_it_is_fit(self) -> None:
        assert of_server(real_server(), {}) == UNCHECKED

    def test_all_checks_must_be_up(self) -> None:
        first, second = check(), check(port=81)
        server = real_server(first, second)
        assert of_server(server, {first: UP, second: UP}) == UP
        assert of_server(server, {first: UP, second: UNKNOWN}) == UNKNOWN

    def test_the_first_check_that_is_down_says_why_and_where(self) -> None:
        first, second = check(), check(port=81)
        server = real_server(first, second)
        assert of_server(server, {first: REFUSED, second: SILENT}) == REFUSED
        elsewhere = of_server(server, {first: UNKNOWN, second: SILENT})
        assert elsewhere == Verdict(False, "no answer within 5 s at 192.168.1.201:81")


class TestRoster:
    def test_equal_checks_are_one_probe_and_fan_out(self) -> None:
        roster = Roster()
        roster.configure(
            [service(real_server(check())), service(real_server(check()), port=443)], 1
        )
        assert list(roster.checks()) == [check()]
        assert told(roster.decide(check(), REFUSED, 2)) == [
            "192.168.1.201:80@80 False connection refused",
            "192.168.1.201:80@443 False connection refused",
        ]

    def test_servers_start_as_unknown_and_unchecked_ones_as_fit(self) -> None:
        roster = Roster()
        unchecked = real_server(address=WEB2)
        assert told(roster.configure([service(real_server(check()), unchecked)], 1)) == [
            "192.168.1.201:80@80 None not checked yet",
            "192.168.1.202:80@80 True no check is configured",
        ]

    def test_a_reload_keeps_what_is_known_of_unchanged_checks(self) -> None:
        roster = Roster()
        roster.configure([service(real_server(check()))], 1)
        roster.decide(check(), UP, 2)
        other = real_server(check(WEB2), address=WEB2)
        changed = roster.configure([service(real_server(check()), other)], 3)
        assert told(changed) == ["192.168.1.202:80@80 None not checked yet"]
        assert [s.since for s in roster.standings()] == [2, 3]

    def test_a_changed_check_starts_as_unknown(self) -> None:
        roster = Roster()
        roster.configure([service(real_server(check()))], 1)
        roster.decide(check(), UP, 2)
        changed = roster.configure([service(real_server(check(retry=3)))], 3)
        assert told(changed) == ["192.168.1.201:80@80 None not checked yet"]

    def test_a_second_service_learns_at_once_what_is_known(self) -> None:
        roster = Roster()
        roster.configure([service(real_server(check()))], 1)
        roster.decide(check(), UP, 2)
        both = [service(real_server(check())), service(real_server(check()), port=443)]
        assert told(roster.configure(both, 3)) == ["192.168.1.201:80@443 True connected"]

    def test_removed_servers_are_forgotten(self) -> None:
        roster = Roster()
        roster.configure([service(real_server(check()))], 1)
        roster.decide(check(), UP, 2)
        assert roster.configure([], 3) == []
        assert list(roster.checks()) == list(roster.standings()) == []
        again = roster.configure([service(real_server(check()))], 4)
        assert told(again) == ["192.168.1.201:80@80 None not checked yet"]

    def test_another_reason_is_told_and_keeps_the_time(self) -> None:
        roster = Roster()
        first, second = check(), check(port=81)
        roster.configure([service(real_server(first, second))], 1)
        roster.decide(second, SILENT, 2)
        (changed,) = roster.decide(first, REFUSED, 3)
        assert (changed.verdict, changed.since) == (REFUSED, 2)

"""What is looked at again when services are applied again."""

from dataclasses import replace
from ipaddress import IPv4Address

from trimaran.dataplane.applied import Applied
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.service import Protocol, ServerKey, ServiceKey

VIP = IPv4Address("192.168.1.10")
SERVER = Destination(ServerKey(IPv4Address("192.168.1.101"), 80))


def service(port: int, scheduler: str = "rr") -> Service:
    return Service(ServiceKey(Protocol.TCP, VIP, port), Settings(scheduler), (SERVER,))


WEB, MAIL, NAMES = service(80), service(25), service(53)


def applied(*services: Service) -> Applied:
    made = Applied()
    made.settle(services)
    return made


def test_nothing_is_known_at_first_and_after_doubt() -> None:
    known = Applied()
    assert known.compare([WEB]) is None
    known.settle([WEB])
    assert known.compare([WEB]) == ([], [])
    known.forget()
    assert known.compare([WEB]) is None


def test_equal_values_are_the_same_whoever_made_them() -> None:
    assert applied(WEB, MAIL).compare([service(80), service(25)]) == ([], [])


def test_what_differs_is_found_in_its_place_and_elsewhere() -> None:
    heavy = replace(WEB, destinations=(replace(SERVER, weight=3),))
    assert applied(WEB, MAIL).compare([heavy, MAIL]) == ([heavy], [])
    assert applied(WEB, MAIL).compare([MAIL, heavy]) == ([heavy], [])


def test_what_comes_and_goes() -> None:
    known = applied(WEB, MAIL)
    assert known.compare([WEB, MAIL, NAMES]) == ([NAMES], [])
    assert known.compare([NAMES, MAIL]) == ([NAMES], [WEB.key])
    assert known.compare([]) == ([], [WEB.key, MAIL.key])

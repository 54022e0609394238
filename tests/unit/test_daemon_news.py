"""Services told to a child as what became of some: it knows what the teller knows."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from trimaran.daemon.encoding import decoder, encode
from trimaran.daemon.messages import ConfigurePlane, ToChild
from trimaran.daemon.news import Heard, News, Told
from trimaran.dataplane.base import Service, Settings
from trimaran.model.service import Protocol, ServiceKey

VIP = IPv4Address("192.168.1.10")


def service(port: int, scheduler: str = "rr") -> Service:
    return Service(ServiceKey(Protocol.TCP, VIP, port), Settings(scheduler))


WEB, MAIL, NAMES = service(80), service(25), service(53)

states = st.lists(
    st.builds(service, st.integers(1, 5), st.sampled_from(["rr", "wrr"])),
    unique_by=lambda one: one.key,
)


def passed_on(news: News[Service]) -> News[Service]:
    """Over the bus."""
    message = decoder(ToChild).decode(encode(ConfigurePlane(news, ())))
    assert isinstance(message, ConfigurePlane)
    return message.services


@given(st.lists(st.tuples(states, st.booleans())))
def test_the_child_knows_what_it_is_told_whatever_came_before(
    course: list[tuple[list[Service], bool]],
) -> None:
    told: Told[Service] = Told()
    heard: Heard[Service] = Heard()
    for wanted, restarted in course:
        if restarted:
            told.forget()
            heard = Heard()
        known = heard.take(passed_on(told.news(wanted)))
        assert {one.key: one for one in known} == {one.key: one for one in wanted}


def test_only_what_became_of_some_is_told() -> None:
    told: Told[Service] = Told()
    assert told.news((WEB, MAIL)) == News((WEB, MAIL))
    assert told.news((WEB, MAIL)) == News(whole=False)
    other = service(25, "wrr")
    assert told.news((WEB, other, NAMES)) == News((other, NAMES), whole=False)
    assert told.news((NAMES,)) == News((), (WEB.key, MAIL.key), whole=False)


def test_what_did_not_change_is_the_same_object() -> None:
    """So that to compare thousands takes no time."""
    heard: Heard[Service] = Heard()
    before = heard.take(News((WEB, MAIL)))
    after = heard.take(News((service(25, "wrr"),), whole=False))
    assert after[0] is before[0]
    assert after[1] is not before[1]

"""Orders of an operator for real servers: what they do, how long they hold, who leaves slowly."""

import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from trimaran.daemon.administration import Administration
from trimaran.daemon.knowledge import Knowledge
from trimaran.daemon.messages import Remaining, ServerConnections, ServersStatus, ServerStatus
from trimaran.model.config import Config
from trimaran.model.duration import SECOND
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    SorryServer,
    VirtualService,
)

HTTP, HTTPS = (ServiceKey(Protocol.TCP, IPv4Address("192.168.1.10"), port) for port in (80, 443))
WEB1, WEB2, SORRY = (ServerKey(IPv4Address(f"192.168.1.20{n}"), 80) for n in (1, 2, 9))


def service(key: ServiceKey, *servers: RealServer, **more: Any) -> VirtualService:
    return VirtualService(key, "rr", Forwarding.DIRECT_ROUTING, servers, **more)


CONFIG = Config(
    virtual_services=(
        service(HTTP, RealServer(WEB1), RealServer(WEB2, 5)),
        service(HTTPS, RealServer(WEB1, inhibit_on_failure=True)),
    )
)


class Director:
    """Orders, and what the dataplane is told with them; all servers are fit."""

    def __init__(self, path: Path, config: Config = CONFIG) -> None:
        self.config = config
        self.followed = 0
        self.knowledge = Knowledge(config)
        self.orders = Administration(path / "orders.json", self._follow)
        self.orders.recall(config)
        self._learn()

    def _follow(self) -> None:
        self.followed += 1

    def _learn(self) -> None:
        said = tuple(
            ServerStatus(service.key, server.key, True, 0, "connected")
            for service in self.config.virtual_services
            for server in service.real_servers
        )
        self.knowledge.learn(ServersStatus(said))

    def reload(self, config: Config) -> None:
        before, self.config = self.config, config
        self.knowledge.configure(config)
        self.orders.configure(before, config)
        self._learn()

    def order(self, action: str, server: str, **more: Any) -> str:
        done = self.orders.execute({"action": action, "server": server, **more}, self.config)
        return done.error or done.text

    def weights(self, key: ServiceKey = HTTP) -> dict[str, int]:
        desired, _ = self.knowledge.conclude(self.orders.orders, self.orders.leaving)
        (found,) = (each for each in desired if each.key == key)
        return {str(one.key.address): one.weight for one in found.destinations}


def test_drain_disable_weight_enable(tmp_path: Path) -> None:
    director = Director(tmp_path)
    assert director.weights() == {"192.168.1.201": 1, "192.168.1.202": 5}
    assert director.order("drain", "192.168.1.201", service="192.168.1.10:80") == (
        "TCP 192.168.1.10:80: server 192.168.1.201:80\n"
    )
    assert director.weights() == {"192.168.1.201": 0, "192.168.1.202": 5}
    assert director.weights(HTTPS) == {"192.168.1.201": 1}
    assert director.orders.watched() == ((HTTP, WEB1),)

    # In all services, also where an unfit server would stay with weight 0.
    assert director.order("disable", "192.168.1.201:80").count("\n") == 2
    assert director.weights() == {"192.168.1.202": 5}
    assert director.weights(HTTPS) == {}

    director.order("weight", "192.168.1.202", weight=9)
    assert director.weights() == {"192.168.1.202": 9}
    director.order("enable", "192.168.1.201")
    director.order("enable", "192.168.1.202")
    assert director.weights() == {"192.168.1.201": 1, "192.168.1.202": 5}
    assert not (tmp_path / "orders.json").exists()
    assert director.followed == 5


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (("drain", "192.168.1.203"), "there is no real server 192.168.1.203"),
        (("explode", "192.168.1.201"), "there is no order 'explode' like this"),
        (("weight", "192.168.1.201"), "there is no order 'weight' like this"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    tmp_path: Path, order: tuple[str, str], why: str
) -> None:
    director = Director(tmp_path)
    assert director.order(*order) == why
    assert director.order("drain", "192.168.1.201", service="192.168.1.10:81") == (
        "there is no real server 192.168.1.201 in service 192.168.1.10:81"
    )
    assert "want a number from 0" in director.order("weight", "192.168.1.201", weight=-1)
    assert "str" in director.order("drain", 7)  # type: ignore[arg-type]
    assert director.followed == 0


def test_orders_hold_through_reloads_and_restarts_as_long_as_there_is_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    director = Director(tmp_path)
    director.order("drain", "192.168.1.201", service="TCP 192.168.1.10:80")
    other = replace(CONFIG, router_id="lb9")
    director.reload(other)
    assert director.weights()["192.168.1.201"] == 0

    director = Director(tmp_path)
    assert "TCP 192.168.1.10:80: server 192.168.1.201:80: still draining" in caplog.text
    assert director.weights()["192.168.1.201"] == 0

    director.reload(Config(virtual_services=(service(HTTP, RealServer(WEB2)),)))
    director.reload(CONFIG)
    assert director.weights() == {"192.168.1.201": 1, "192.168.1.202": 5}
    assert Director(tmp_path).weights()["192.168.1.201"] == 1


def test_a_drained_server_counts_for_no_quorum_but_keeps_its_connections(tmp_path: Path) -> None:
    config = Config(
        virtual_services=(service(HTTP, RealServer(WEB1), sorry_server=SorryServer(SORRY)),)
    )
    director = Director(tmp_path, config)
    director.order("drain", "192.168.1.201")
    assert director.weights() == {"192.168.1.201": 0, "192.168.1.209": 1}


def test_a_removed_server_leaves_when_it_has_no_connections_or_no_time(tmp_path: Path) -> None:
    both = (RealServer(WEB1), RealServer(WEB2, 5))
    slow = Config(virtual_services=(service(HTTP, *both, drain_timeout=60 * SECOND),))
    fewer = Config(virtual_services=(service(HTTP, both[0], drain_timeout=60 * SECOND),))
    director = Director(tmp_path, slow)
    director.reload(fewer)
    assert director.weights() == {"192.168.1.201": 1, "192.168.1.202": 0}
    assert director.orders.watched() == ((HTTP, WEB2),)

    director.orders.take(Remaining((ServerConnections(HTTP, WEB2, 3),)))
    assert director.weights()["192.168.1.202"] == 0
    director.reload(slow)  # it is back before it has left
    assert director.weights() == {"192.168.1.201": 1, "192.168.1.202": 5}
    director.reload(fewer)
    director.orders.take(Remaining((ServerConnections(HTTP, WEB2, 0),)))
    assert director.weights() == {"192.168.1.201": 1}
    assert director.orders.watched() == ()

    director.reload(slow)
    director.reload(fewer)
    place = next(iter(director.orders.leaving))
    director.orders.leaving[place] = replace(
        director.orders.leaving[place], until=time.monotonic_ns()
    )
    director.orders.take(Remaining((ServerConnections(HTTP, WEB2, 3),)))
    assert director.weights() == {"192.168.1.201": 1}


def test_without_a_time_to_drain_it_is_removed_at_once(tmp_path: Path) -> None:
    director = Director(tmp_path)
    director.reload(Config(virtual_services=(service(HTTP, RealServer(WEB1)),)))
    assert director.weights() == {"192.168.1.201": 1}

"""How large the XDP dataplane's tables are made, and what is said to other sizes."""

import pytest
from click.testing import CliRunner

from trimaran.cli.main import trimaran
from trimaran.conf import load
from trimaran.dataplane.xdp.capacity import Capacity, capacity_for, power_of_two
from trimaran.model.config import Config


def config(services: int, scheduler: str = "rr") -> Config:
    text = "".join(
        f"virtual_server 192.168.1.10 {port} {{ lb_algo {scheduler}\n lb_kind DR\n protocol TCP\n"
        + "".join(f"real_server 192.168.1.{last} {port} {{ }}\n" for last in (101, 102, 103))
        + "}\n"
        for port in range(1, services + 1)
    )
    result = load(text.encode(), "a.conf")
    assert result.config is not None, result.diagnostics
    return result.config


def test_few_services_have_the_usual_room() -> None:
    assert capacity_for(config(3), 1 << 20) == Capacity()


def test_many_have_room_for_twice_as_many() -> None:
    capacity = capacity_for(config(3000), 1 << 20)
    assert (capacity.services, capacity.destinations) == (8192, 32768)


def test_the_tables_of_mh_are_large() -> None:
    assert capacity_for(config(600, "mh"), 1 << 20).rows == 2 * 256 * 600


def test_connections_are_rounded_up() -> None:
    assert capacity_for(config(1), 1_000_000).flows == 1 << 20
    assert [power_of_two(n) for n in (16, 17, 1 << 26)] == [16, 32, 1 << 26]


def test_only_another_size_of_connections_or_less_of_the_rest_is_not_enough() -> None:
    assert Capacity().holds(Capacity(services=1))
    assert not Capacity().holds(Capacity(services=1 << 13))
    assert not Capacity().holds(Capacity(flows=1 << 19))


@pytest.mark.parametrize("number", ["0", "-1", "15", "1000000000000", "many"])
@pytest.mark.parametrize("command", [("run", "-f", "a.conf"), ("xdp", "attach", "eth0")])
def test_a_size_that_cannot_be(command: tuple[str, ...], number: str) -> None:
    done = CliRunner().invoke(trimaran, [*command, "--connections", number])
    assert done.exit_code == 2
    assert "--connections" in done.output
    assert ("16<=x<=67108864" in done.output) or "not a valid integer" in done.output

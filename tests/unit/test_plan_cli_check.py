"""`trimaran plan --check`: existing configurations, and the pitfalls of multi-VIP VRRP."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trimaran.cli.plan import plan
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import interface
from trimaran.plan.directors import Site, configurations
from trimaran.plan.existing import existing
from trimaran.views.plan_keepalived import keepalived_text

NEXT_HOST = [("lb1", "lb2", "lb3")] * 2 + [("lb2", "lb3", "lb1")] * 2 + [("lb3", "lb1", "lb2")] * 2
SITE = Site(tuple(IPv4Interface(f"192.168.1.{10 + i}/24") for i in range(6)), "eth1")
EXERCISE = ("--link", "1G", "--traffic", "1.5G")


def written(directory: Path, lists: Sequence[Sequence[str]]) -> list[str]:
    paths = []
    for host, config in configurations(lists, SITE).items():
        path = directory / f"{host}.conf"
        path.write_text(keepalived_text(config))
        paths.append(str(path))
    return paths


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(plan, ["--check", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    return result


def findings(change: Callable[[VirtualRouter], VirtualRouter], host: str = "lb2") -> list[str]:
    """What is said when a change is made to every router of one host."""
    configs = configurations(NEXT_HOST[:1], SITE)
    routers = tuple(map(change, configs[host].virtual_routers))
    configs[host] = replace(configs[host], virtual_routers=routers)
    return list(existing(configs).findings)


def test_backup_is_the_next_host(tmp_path: Path) -> None:
    files = written(tmp_path, NEXT_HOST)
    text = run(*EXERCISE, *files).stdout
    assert "Worst peak  1 Gbit/s = 100 % of its 1 Gbit/s link" in text
    assert (
        "Best        with other lists the same 6 VIPs have 0.75 Gbit/s; "
        "as they are, they are no better than 3 VIPs"
    ) in text
    found = json.loads(run(*EXERCISE, *files, "--format", "json").stdout)
    assert (found["peak"], found["best_peak"], found["as_good"], found["bound"]) == (4, 3, 3, 3)
    assert found["findings"] == []
    assert found["lists"] == [list(order) for order in NEXT_HOST]


def test_above_the_limit(tmp_path: Path) -> None:
    files = written(tmp_path, NEXT_HOST)
    result = run(*EXERCISE, "--max-load", "80%", *files, status=1)
    assert "Wrong: the worst peak is above 80 %" in result.stdout


def test_two_active_and_one_idle(tmp_path: Path) -> None:
    """Two VIPs fit if the idle host backs up both, and do not if the active ones do."""
    good = written(tmp_path, [("lb1", "lb3", "lb2"), ("lb2", "lb3", "lb1")])
    assert "Worst peak  0.75 Gbit/s = 75 %" in run(*EXERCISE, *good).stdout
    bad = written(tmp_path, [("lb1", "lb2", "lb3"), ("lb2", "lb1", "lb3")])
    assert "Worst peak  1.5 Gbit/s = 150 %" in run(*EXERCISE, *bad, status=1).stdout


def test_a_plan_file_says_the_demand(tmp_path: Path) -> None:
    demand = tmp_path / "site.toml"
    demand.write_text(
        'link = "1G"\ntraffic = "1.5G"\n[[host]]\nname = "lb2"\nlink = "2G"\n'
        '[domains]\nrack = ["lb1", "lb2"]\n'
    )
    files = written(tmp_path, NEXT_HOST)
    result = run(str(demand), *files, status=1)
    assert (
        "Worst peak  1.5 Gbit/s = 150 % of its 1 Gbit/s link (more than the 100 % allowed), on lb3"
        in result.stdout
    )
    assert "lb2   2 Gbit/s link " in result.stdout
    demand.write_text('[[host]]\nname = "lb9"\n')
    result = run(str(demand), *files, status=2)
    assert "no file is of host 'lb9': known are lb1, lb2, lb3" in result.stderr


def test_weights_by_address(tmp_path: Path) -> None:
    files = written(tmp_path, NEXT_HOST[:2])
    vips = ("--vip", "192.168.1.11=3", "--vip", "192.168.1.10=1")
    found = json.loads(run(*vips, *files, "--format", "json").stdout)
    assert found["weights"] == [1, 3]
    assert found["peak"] == 4
    some = run(*vips[:2], *files, status=2)
    assert "192.168.1.10 is in the files, but has no weight" in some.stderr
    more = run(*vips, "--vip", "10.0.0.1=1", *files, status=2)
    assert "10.0.0.1 has a weight, but is in no file" in more.stderr


def test_directors_have_names(tmp_path: Path) -> None:
    files = written(tmp_path, NEXT_HOST[:1])
    for path in map(Path, files):
        (tmp_path / path.stem).mkdir()
        nameless = "".join(path.read_text().partition("vrrp_instance")[1:])
        (tmp_path / path.stem / "keepalived.conf").write_text(nameless)
    found = run(*(str(tmp_path / f"lb{i}" / "keepalived.conf") for i in (1, 2, 3)), "--format=json")
    assert json.loads(found.stdout)["lists"] == [["lb1", "lb2", "lb3"]]
    twice = run(files[0], files[0], status=2)
    assert "another file is of director lb1 too" in twice.stderr


def test_no_pitfalls_in_what_is_planned() -> None:
    assert findings(lambda router: router) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"priority": 154}, "lb2 and lb3 have the same priority 154, so who holds it depends on"),
        ({"preempt": False}, "nopreempt on lb2: whoever came first keeps it"),
        ({"priority": 255}, "lb2 has priority 255: the owner takes the address without listening"),
        ({"advertisement_interval": 1}, "advert_int on lb2 is not that on lb1 and lb3"),
        ({"version": 2}, "version on lb2 is not that on lb1 and lb3"),
        ({"password": b"x"}, "auth_pass on lb2 is not that on lb1 and lb3"),
        (
            {"tracked": (interface("eth2", -60),)},
            "lb2 loses 60 of its priority with what it tracks, but the priorities lie 100 apart",
        ),
        (
            {"tracked": (interface("eth2", -253),)},
            "lb2 falls below priority 1 with all that it tracks",
        ),
        (
            {"tracked": (interface("a", -127), interface("b", -127))},
            "lb2 falls below priority 1 with all that it tracks",
        ),
    ],
)
def test_pitfalls(change: dict[str, object], said: str) -> None:
    found = findings(lambda router: replace(router, **change))  # type: ignore[arg-type]
    assert len(found) == 1
    assert found[0].startswith(f"VRID 1 (192.168.1.10): {said}")


def test_the_weight_of_the_rules_is_none() -> None:
    tracked = (interface("eth2", -127),)
    assert findings(lambda router: replace(router, tracked=tracked)) == []


def test_other_addresses_services_and_members() -> None:
    assert findings(lambda router: replace(router, addresses=router.addresses * 0)) == [
        "VRID 1 (192.168.1.10): lb2 is not in it, so its list is shorter than the others: "
        "put every director into every VRID"
    ]
    configs = configurations(NEXT_HOST[:3], SITE)
    first, second, third = configs["lb2"].virtual_routers
    moved = replace(second, addresses=first.addresses)
    configs["lb2"] = replace(configs["lb2"], virtual_routers=(first, moved, third))
    found = list(existing(configs).findings)
    assert found == [
        "VRID 2 (192.168.1.11): addresses on lb2 is not that on lb1 and lb3: make it the same",
        "192.168.1.10 is in VRID 1 and VRID 2: two hosts would hold it at once",
    ]


def test_a_vip_without_a_holder(tmp_path: Path) -> None:
    files = written(tmp_path, NEXT_HOST[:1])
    for file in files[1:]:
        Path(file).write_text(Path(file).read_text().replace("_id 1\n", "_id 2\n"))
        text = Path(file).read_text().replace("192.168.1.10/24", "192.168.1.20/24")
        Path(file).write_text(text)
    result = run(*files, status=1)
    assert "Wrong: a VIP has no holder after the loss of lb1" in result.stdout


def test_the_same_vrid_on_two_interfaces() -> None:
    configs = configurations(NEXT_HOST[:2], SITE)

    def on_two(config: Config) -> Config:
        first, second = config.virtual_routers
        return replace(config, virtual_routers=(first, replace(second, vrid=1, interface="eth2")))

    found = existing({host: on_two(config) for host, config in configs.items()})
    assert found.vips == ("VRID 1 on eth1 (192.168.1.10)", "VRID 1 on eth2 (192.168.1.11)")
    assert found.lists == (("lb1", "lb2", "lb3"),) * 2


def test_bad_input(tmp_path: Path) -> None:
    files = written(tmp_path, NEXT_HOST)
    assert "name the directors' configurations" in run(status=2).stderr
    assert "--hosts does not go with --check" in run("--hosts", "3", *files, status=2).stderr
    assert "--from does not go with --check" in run("--from", "x", *files, status=2).stderr
    assert "--format svg does not go" in run("--format", "svg", *files, status=2).stderr
    broken = tmp_path / "broken.conf"
    broken.write_text("vrrp_instance x {\n  prioritty 1\n}\n")
    assert f"{broken}:2:3: error: unknown keyword 'prioritty'" in run(str(broken), status=2).stderr
    broken.write_text("vrrp_instance x {\n interface e\n virtual_router_id 1\n}\n")
    empty = run(str(broken), "--survive", "0", status=2)
    assert "no virtual router with an address" in empty.stderr

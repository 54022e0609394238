"""`trimaran plan`: the exercise's answers, formats, changes of a plan, bad input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trimaran.cli.check import check
from trimaran.cli.plan import plan

EXERCISE = ("--hosts", "3", "--link", "1G", "--traffic", "1.5G", "--survive", "1")
POOL = ("--addresses", "192.168.1.10-40/24")


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(plan, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    return result


def document(*arguments: str | Path, status: int = 0) -> dict[str, object]:
    found = json.loads(run(*arguments, "--format", "json", status=status).stdout)
    assert isinstance(found, dict)
    return found


def said(*arguments: str | Path) -> str:
    """The one line for bad input."""
    result = run(*arguments, status=2)
    assert result.stdout == ""
    return result.stderr.removeprefix("trimaran plan: ").rstrip("\n")


def test_the_exercise() -> None:
    text = run(*EXERCISE).stdout
    assert text.startswith("6 VIPs on 3 hosts\n")
    assert "balanced (every state even, before and after any loss)" in text
    assert "0.5 Gbit/s  50 %  0.75 Gbit/s  75 %" in text
    assert "0.75 Gbit/s = 75 % of its 1 Gbit/s link" in text
    assert "Proven: no fewer VIPs will do.\n  1-2, 4-5 VIPs: with nothing lost" in text


@pytest.mark.parametrize(
    ("options", "vips", "normal", "peak_load"),
    [
        ((), 6, [0.5, 0.5, 0.5], 0.75),
        (("--objective", "fit", "--max-load", "99%"), 4, [0.375, 0.375, 0.75], 0.75),
        (("--objective", "fit"), 3, [0.5, 0.5, 0.5], 1),
        (("--objective", "any"), 2, [0, 0.75, 0.75], 0.75),
        (("--vips", "5"), 5, [0.3, 0.6, 0.6], 0.9),
    ],
)
def test_the_three_questions(
    options: tuple[str, ...], vips: int, normal: list[float], peak_load: float
) -> None:
    found = document(*EXERCISE, *options)
    assert found["vips"] == vips
    assert found["feasible"] is True
    assert found["proven"] is True
    assert isinstance(found["normal"], dict)
    assert sorted(found["normal"].values()) == normal
    assert found["peak_load"] == peak_load


def test_infeasible() -> None:
    found = document(*EXERCISE, "--max-load", "70%", status=1)
    assert found["feasible"] is False
    assert found["load"] == 0.75
    assert "70 %" in str(found["reason"])
    assert found["remedies"]
    result = run(*EXERCISE, "--max-load", "70%", status=1)
    assert result.stdout == ""
    assert "no plan is possible: after the loss of lb1" in result.stderr


def test_hosts_of_their_own_and_domains() -> None:
    racks = ["a1", "a2", "b1", "b2", "c1", "c2"]
    hosts = [word for name in racks for word in ("--host", f"{name}=10G")]
    domains = [word for r in "abc" for word in ("--domain", f"rack-{r}={r}1,{r}2")]
    found = document(
        *hosts, *domains, "--traffic", "30G", "--objective", "fit", "--max-load", "80%"
    )
    assert (found["vips"], found["peak_load"]) == (8, 0.75)
    mixed = document("--host", "a=10G", "--host", "b=10G", "--host", "c=1G", "--vips", "21")
    assert mixed["peak"] == 2


def test_unequal_vips_by_address() -> None:
    weights = ("--vip", "10.0.0.1=0.3", "--vip", "10.0.0.2=0.7")
    result = run("--hosts", "2", *weights, "--dns", "www.example.org").stdout
    assert "  1  10.0.0.1/32  0.3     " in result
    assert result.endswith(
        "\nwww.example.org. 300 IN A 10.0.0.1\nwww.example.org. 300 IN A 10.0.0.2\n"
    )


def test_packets_and_connections_limit_too() -> None:
    packets = ("--packets", "1.9M", "--host-packets", "1M")
    result = run(*EXERCISE, *packets).stdout
    assert "95 % of its 1 Mpps" in result
    assert document(*EXERCISE, *packets, "--max-load", "90%", status=1)["feasible"] is False
    table = ("--connections", "3M", "--host-connections", "2M")
    assert "75 % of its room for 2M connections" in run("--hosts", "3", *table).stdout
    both = document(*EXERCISE, "--both-directions", status=1)
    assert both["load"] == 1.5


def test_keepalived_files_are_accepted_by_check(tmp_path: Path) -> None:
    where = tmp_path / "configs"
    servers = ("--real-server", "192.168.1.201:80", "--real-server", "192.168.1.202:80")
    options = ("--interface", "eth1", *servers, "--dns", "www.example.org", "--output", where)
    written = run(*EXERCISE, *POOL, "--format", "keepalived", *options).stdout.split()
    names = ["lb1.conf", "lb2.conf", "lb3.conf", "www.example.org.zone"]
    assert written == [str(where / name) for name in names]
    assert sorted(path.name for path in where.iterdir()) == names
    result = CliRunner().invoke(check, written[:3])
    assert result.exit_code == 0
    assert result.output.count("ok: 6 virtual routers, 6 virtual services, 12 real servers") == 3
    assert (where / names[3]).read_text().count("IN A") == 6
    again = run("--check", "--link", "1G", "--traffic", "1.5G", *written[:3]).stdout
    assert "Best        no plan found has a lower worst peak: proven" in again
    assert "Elections follow these lists." in again


def test_a_plan_file(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('hosts = 3\nlink = "1G"\ntraffic = "1.5G"\n')
    assert document(file)["vips"] == 6
    assert document(file, "--objective", "fit", "--max-load", "99%")["vips"] == 4
    file.write_text('hosts = 3\ntraffic = "1,5G"\n')
    assert said(file) == f"{file}:2: traffic: '1,5G' has a decimal comma: write 1.5G"


def test_svg(tmp_path: Path) -> None:
    picture = tmp_path / "plan.svg"
    assert run(*EXERCISE, "--format", "svg", "--output", picture).stdout == ""
    assert picture.read_text().startswith("<svg ")
    assert list(tmp_path.iterdir()) == [picture]


def test_a_host_more_and_one_less(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    run(*EXERCISE, *POOL, "--vips", "12", "--format", "json", "--output", old)
    run("--from", old, "--add", "lb4=1G", "--format", "json", "--output", new)
    before, after = json.loads(old.read_text()), json.loads(new.read_text())
    assert after["peak"] == 4
    moved = [i for i in range(12) if before["lists"][i][0] != after["lists"][i][0]]
    assert moved == [move["vip"] for move in after["moves"]]
    assert len(moved) == 3
    assert after["asked"]["addresses"] == before["asked"]["addresses"]
    less = document("--from", new, "--remove", "lb4")
    assert isinstance(less["lists"], list)
    assert less["moves"] == []
    kept = [i for i in range(12) if after["lists"][i][0] != "lb4"]
    assert all(less["lists"][i][0] == after["lists"][i][0] for i in kept)


def test_an_old_plan_that_does_not_match(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    run(*EXERCISE, "--format", "json", "--output", old)
    assert said("--from", old, "--vips", "9").startswith("--from: the old plan has 6 VIPs")
    assert said("--from", old, "--remove", "x") == (
        "--remove: there is no host 'x': known are lb1, lb2, lb3"
    )
    assert said("--from", old, "--add", "lb1=1G") == "--add lb1=1G: host 'lb1' is there already"
    plan = json.loads(old.read_text())
    for change, message in (
        ({"feasible": False}, "this plan is infeasible: there is nothing to start from"),
        ({"lists": [["lb1", "lb2"]] * 6}, "the list of VIP 1 is lb1, lb2: it must have each of"),
        ({"weights": [1]}, "1 weights for 6 lists"),
        ({"weights": ["x"] * 6}, "'x' is not a number"),
        ({"asked": 3}, "'3' is no answer"),
        ({"lists": 3}, "'lists' is no list of anything"),
    ):
        old.write_text(json.dumps(plan | change))
        assert message in said("--from", old)
    for text in ("", "[]", "{}", '{"feasible": true}'):
        old.write_text(text)
        assert said("--from", old).startswith(f"{old}: this is no")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hosts", "3", "--traffic", "1.5Gb"), "--traffic: '1.5Gb' may mean bits or bytes"),
        (
            ("--hosts", "3", "--traffic", "1,5G"),
            "--traffic: '1,5G' has a decimal comma: write 1.5G",
        ),
        (("--hosts", "0"), "--hosts: 0 is out of range: write a number from 1 to 64"),
        (("--hosts", "-3"), "--hosts: -3 is out of range"),
        (("--hosts", "3", "--link", "0"), "--link: '0' must be above zero"),
        (("--hosts", "3", "--vips", "300"), "--vips: 300 VIPs: write 1 to 255"),
        (("--hosts", "3", "--survive", "3"), "the options: no plan survives the loss of 3 of 3"),
        (
            ("--hosts", "3", "--domain", "a=lb1,x"),
            "--domain a: there is no host 'x': known are lb1",
        ),
        (("--hosts", "3", "--domain", "a"), "--domain: 'a' is no domain: write rack-a=lb1,lb2"),
        (("--hosts", "3", "--traffic", "1G"), "the options: host lb1 has no link speed"),
        (("--host", "lb1=1G", "--host", "lb1=1G"), "the options: host lb1 is named twice"),
        (
            ("--hosts", "3", "--vips", "3", "--vip", "10.0.0.1"),
            "--vips: the VIPs are named by --vip",
        ),
        (
            ("--hosts", "3", "--format", "keepalived"),
            "--format keepalived: the 6 VIPs need addresses",
        ),
        (
            ("--hosts", "3", "--dns", "a"),
            "--dns: the 6 VIPs need addresses: say --addresses 192.168",
        ),
        (
            ("--hosts", "3", "--addresses", "10.0.0.1-5/24"),
            "there are 6 VIPs, but 5 addresses: name 1 more",
        ),
        (("--hosts", "3", "--dns", "a", "--format", "svg"), "--dns: a picture has no records"),
        (("nowhere.toml",), "nowhere.toml: cannot read this file: No such file or directory"),
        (("lb1.conf",), "lb1.conf: a plan file is FILE.toml; --check reads configurations"),
        (("a.toml", "b.toml"), "b.toml: one plan file at a time"),
        (("--add", "lb4"), "--add: say which plan to change: --from plan.json"),
        ((), "the options: there are no hosts"),
        (("--hosts", "3", "--output", "/proc/x/y.json"), "--output: cannot write /proc/x"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], message: str) -> None:
    assert said(*arguments).startswith(message)


def test_vrids_must_do() -> None:
    keepalived = ("--format", "keepalived", "--first-vrid", "251")
    assert said(*EXERCISE, *POOL, *keepalived) == (
        "--format keepalived: 6 VIPs from VRID 251 on pass the last, 255"
    )

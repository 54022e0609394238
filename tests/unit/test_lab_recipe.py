"""What a topology becomes."""

from pathlib import Path

import pytest

from trimaran.lab import recipe, topology
from trimaran.lab.errors import LabError
from trimaran.lab.topology import EXERCISE


def test_the_exercise_has_five_hosts_on_one_network() -> None:
    exercise = topology.read(EXERCISE)
    assert [f"{name} {host.address}" for name, host in exercise.host.items()] == [
        "client 192.168.1.11",
        "lb1 192.168.1.101",
        "lb2 192.168.1.102",
        "web1 192.168.1.201",
        "web2 192.168.1.202",
    ]
    assert list(exercise.directors) == ["lb1", "lb2"]
    assert list(exercise.web_servers) == ["web1", "web2"]


def test_a_real_server_is_silent_about_its_vip_before_it_has_it() -> None:
    exercise = topology.read(EXERCISE)
    assert recipe.host_script(exercise, exercise.host["web1"]) == (
        "ip link set dev lo up\n"
        "sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2\n"
        "sysctl -qw net.ipv4.conf.eth1.arp_ignore=1 net.ipv4.conf.eth1.arp_announce=2\n"
        "ip address add 192.168.1.10/32 dev lo\n"
        "ethtool -K eth1 tx off\n"
        "ip address add 192.168.1.201/24 dev eth1\n"
        "ip link set dev eth1 up\n"
    )


def test_every_cable_runs_from_the_switch_to_a_host() -> None:
    exercise = topology.read(EXERCISE)
    script = recipe.lan_script(exercise, recipe.namespaces("demo", exercise))
    assert script.splitlines()[-2:] == [
        "ip link add name web2 type veth peer name eth1 netns demo-web2",
        "ip link set dev web2 master br0 up",
    ]
    assert script.count("type veth") == 5


def test_nginx_keeps_to_its_directory() -> None:
    config = recipe.nginx_config(Path("/here"))
    paths = [word.rstrip(";") for word in config.split() if word.startswith("/")]
    assert len(paths) == 8
    assert all(path.startswith("/here/") for path in paths)


def test_services() -> None:
    exercise = topology.read(EXERCISE)
    commands = {
        name: recipe.service_command(host, Path("/here")) for name, host in exercise.host.items()
    }
    assert commands["client"] is None
    assert commands["lb1"] == ["trimaran", "run", "-f", "/here/trimaran.conf"]
    assert commands["web1"] == ["nginx", "-e", "stderr", "-c", "/here/nginx.conf"]


def test_directors_of_other_programs(tmp_path: Path) -> None:
    exercise = topology.read(EXERCISE)
    mixed = topology.with_directors(exercise, ["keepalived", "trimaran"], "ipvs")
    topology.write(tmp_path / "topology.json", mixed)
    mixed = topology.read(tmp_path / "topology.json")
    keepalived, trimaran = (
        recipe.service_command(host, Path("/here")) for host in mixed.directors.values()
    )
    assert keepalived is not None
    assert keepalived[0] == "keepalived"
    assert all("=/here/" in word for word in keepalived if "=" in word)
    assert trimaran == ["trimaran", "run", "-f", "/here/trimaran.conf", "--dataplane", "ipvs"]
    assert {**mixed.host, **exercise.directors} == exercise.host


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        (["keepalived"], "directors keepalived: want one each for lb1, lb2"),
        (["trimaran", "haproxy"], "director 'haproxy': want trimaran or keepalived"),
    ],
)
def test_directors_that_cannot_be(programs: list[str], message: str) -> None:
    with pytest.raises(LabError) as caught:
        topology.with_directors(topology.read(EXERCISE), programs)
    assert str(caught.value) == message


NETWORK = 'network = "192.168.1.0/24"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network = ", "Invalid value (at end of document)"),
        (NETWORK, "Object missing required field `host`"),
        (
            NETWORK + '[host.a]\nrole = "router"\naddress = "192.168.1.1"\n',
            "Invalid value 'router' - at `$.host[...].role`",
        ),
        (
            NETWORK + '[host.a]\nrole = "client"\naddress = "192.168.1"\n',
            "Expected 4 octets in '192.168.1' - at `$.host[...].address`",
        ),
        (
            NETWORK + '[host.a]\nrole = "client"\naddress = "192.168.1.1"\nanswer = "x"\n',
            "Object contains unknown field `answer` - at `$.host[...]`",
        ),
        (
            NETWORK + '[host.a]\nrole = "client"\naddress = "10.0.0.1"\n',
            "a: 10.0.0.1 is not in 192.168.1.0/24",
        ),
        (
            NETWORK
            + '[host.a]\nrole = "client"\naddress = "192.168.1.1"\n'
            + '[host.b]\nrole = "client"\naddress = "192.168.1.1"\n',
            "b: 192.168.1.1 is a's already",
        ),
        (
            NETWORK + '[host.lan]\nrole = "client"\naddress = "192.168.1.1"\n',
            "host name 'lan': want a lowercase letter, then at most 14 lowercase letters or "
            "digits, and not 'lan'",
        ),
        (
            NETWORK + '[host."a; b"]\nrole = "client"\naddress = "192.168.1.1"\n',
            "host name 'a; b': want a lowercase letter, then at most 14 lowercase letters or "
            "digits, and not 'lan'",
        ),
    ],
)
def test_a_bad_topology_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(LabError) as caught:
        topology.read(file)
    assert str(caught.value) == f"topology {file}: {message}"


def test_no_topology(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file or directory"):
        topology.read(tmp_path / "none.toml")

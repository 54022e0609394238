"""What `virtual_server` blocks mean: the virtual services that come out."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from trimaran.conf import load
from trimaran.daemon.encoding import decoder, encode
from trimaran.model.check import TcpCheck
from trimaran.model.script import Script, ScriptPolicy
from trimaran.model.service import (
    FALLBACK,
    HASH_PORT,
    NO_FLAGS,
    Forwarding,
    Persistence,
    Protocol,
    Quorum,
    RealServer,
    SchedulerFlag,
    ServerKey,
    ServiceKey,
    SorryServer,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)

NAT, DR, TUN = Forwarding.MASQUERADING, Forwarding.DIRECT_ROUTING, Forwarding.TUNNEL
EVERY_IPV4 = 2**32 - 1


def services(text: str, warnings: int = 0) -> tuple[VirtualService, ...]:
    result = load(text.encode(), "f")
    said = [str(diagnostic) for diagnostic in result.diagnostics]
    assert result.config is not None, said
    assert len(said) == warnings, said
    found = result.config.virtual_services
    assert decoder(tuple[VirtualService, ...]).decode(encode(found)) == found
    return found


def service(
    inside: str, warnings: int = 0, target: str = "10.0.0.1 80", method: str = "DR"
) -> VirtualService:
    text = f"virtual_server {target} {{\n protocol tcp\n lvs_method {method}\n {inside}\n"
    if "real_server" not in inside:
        text += "real_server 10.0.1.1 80 {\n}\n"
    (only,) = services(text + "}\n", warnings)
    return only


def key(address: str, port: int) -> ServerKey:
    return ServerKey(ip_address(address), port)


def test_defaults_are_those_of_keepalived() -> None:
    (only,) = services("virtual_server 10.0.0.1 53 {\n real_server 10.0.1.1 {\n}\n}", warnings=2)
    server = RealServer(key("10.0.1.1", 53), forwarding=NAT)
    assert only == VirtualService(
        ServiceKey(Protocol.UDP, ip_address("10.0.0.1"), 53), "wlc", NAT, (server,)
    )


SCHEDULERS = [
    "rr",
    "wrr",
    "lc",
    "wlc",
    "lblc",
    "lblcr",
    "sh",
    "mh",
    "dh",
    "fo",
    "ovf",
    "sed",
    "nq",
    "twos",
]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name: str) -> None:
    assert service(f"lvs_sched {name}").scheduler == name


@pytest.mark.parametrize(
    ("inside", "flags", "warnings"),
    [
        ("lvs_sched sh\n sh-port\n sh-fallback", HASH_PORT | FALLBACK, 0),
        ("mh-port\n lvs_sched mh", HASH_PORT, 0),
        ("lvs_sched mh\n mh-fallback", FALLBACK, 0),
        ("lvs_sched sh\n mh-port\n sh-port", HASH_PORT, 1),
        ("flag-1\n flag-2\n flag-3", FALLBACK | HASH_PORT | SchedulerFlag.FLAG_3, 0),
        ("sh-port", NO_FLAGS, 1),
    ],
)
def test_flags_of_schedulers(inside: str, flags: SchedulerFlag, warnings: int) -> None:
    assert service(inside, warnings).flags == flags


@pytest.mark.parametrize(
    ("method", "forwarding", "tunnel"),
    [
        ("NAT", NAT, Tunnel()),
        ("DR", DR, Tunnel()),
        ("TUN", TUN, Tunnel()),
        ("TUN type ipip", TUN, Tunnel()),
        ("TUN type gre csum", TUN, Tunnel(TunnelType.GRE, 0, TunnelChecksum.FULL)),
        ("TUN type gue port 5555", TUN, Tunnel(TunnelType.GUE, 5555)),
        (
            "TUN type gue port 5555 remcsum",
            TUN,
            Tunnel(TunnelType.GUE, 5555, TunnelChecksum.REMOTE),
        ),
    ],
)
def test_methods(method: str, forwarding: Forwarding, tunnel: Tunnel) -> None:
    whole = service("", method=method)
    assert whole.forwarding is forwarding
    assert whole.real_servers[0].forwarding is forwarding
    assert whole.real_servers[0].tunnel == tunnel
    of_one = service(f"real_server 10.0.1.1 80 {{\n lvs_method {method}\n}}")
    assert (of_one.real_servers[0].forwarding, of_one.real_servers[0].tunnel) == (
        forwarding,
        tunnel,
    )


@pytest.mark.parametrize(
    ("method", "written", "port", "warnings"),
    [
        ("DR", "", 80, 0),
        ("DR", "80", 80, 0),
        ("DR", "8080", 80, 1),
        ("TUN", "8080", 80, 1),
        ("NAT", "", 80, 0),
        ("NAT", "0", 80, 0),
        ("NAT", "8080", 8080, 0),
    ],
)
def test_ports_of_real_servers(method: str, written: str, port: int, warnings: int) -> None:
    text = f"real_server 10.0.1.1 {written} {{\n TCP_CHECK\n}}"
    (server,) = service(text, warnings, method=method).real_servers
    assert server.key.port == port
    (check,) = server.checks
    assert isinstance(check, TcpCheck)
    assert check.port == int(written or 0) or 80  # it is the server's own that is checked


@pytest.mark.parametrize(
    ("inside", "persistence", "warnings"),
    [
        ("", None, 0),
        ("persistence_timeout", Persistence(360, EVERY_IPV4), 0),
        ("persistence_timeout 50", Persistence(50, EVERY_IPV4), 0),
        ("persistence_granularity 255.255.255.0", Persistence(360, EVERY_IPV4 - 255), 0),
        ("persistence_timeout 2678400", Persistence(2678400, EVERY_IPV4), 0),
    ],
)
def test_persistence(inside: str, persistence: Persistence | None, warnings: int) -> None:
    assert service(inside, warnings).persistence == persistence


def test_a_service_on_all_ports_is_persistent() -> None:
    server = "real_server 10.0.1.1 80 {\n TCP_CHECK\n}"
    whole = service(server, 2, target="10.0.0.1")
    assert whole.key.port == 0
    assert whole.persistence == Persistence(360, EVERY_IPV4)
    assert whole.real_servers[0].key.port == 0
    (check,) = whole.real_servers[0].checks
    assert isinstance(check, TcpCheck)
    assert check.port == 80
    assert service("persistence_timeout 9", 1, target="10.0.0.1 0").persistence == Persistence(
        9, EVERY_IPV4
    )


def test_ipv6() -> None:
    whole = service(
        "persistence_granularity 64\n sorry_server 2001:db8::9\n"
        "real_server 2001:db8::1 80 {\n TCP_CHECK {\n bindto 2001:db8::2\n}\n}",
        target="2001:db8::1 80",
    )
    assert str(whole.key) == "TCP [2001:db8::1]:80"
    assert whole.persistence == Persistence(360, 64)
    assert whole.real_servers[0].key == key("2001:db8::1", 80)
    assert whole.sorry_server == SorryServer(key("2001:db8::9", 80))
    (check,) = whole.real_servers[0].checks
    assert isinstance(check, TcpCheck)
    assert (str(check.address), str(check.bind_address)) == ("2001:db8::1", "2001:db8::2")


def test_a_tunnel_reaches_servers_of_the_other_version() -> None:
    whole = service("real_server 2001:db8::1 80 {\n}", method="TUN")
    assert whole.real_servers[0].key == key("2001:db8::1", 80)


@pytest.mark.parametrize(
    ("inside", "ipv6"),
    [
        ("", False),
        ("real_server 2001:db8::1 {\n}", True),
        ("ip_family inet6\nreal_server 2001:db8::1 {\n}", True),
    ],
)
def test_firewall_marks(inside: str, ipv6: bool) -> None:
    text = f"virtual_server fwmark 4294967295 {{\n lvs_method DR\n {inside}\n"
    text += "}" if inside else "real_server 10.0.1.1 80 {\n TCP_CHECK\n}\n}"
    (only,) = services(text)
    assert only.key == ServiceKey.marked(2**32 - 1, ipv6=ipv6)
    assert only.persistence is None
    assert only.real_servers[0].key.port == 0


def test_a_group_is_one_service_for_each_of_its_entries() -> None:
    text = """
        virtual_server group web {
          protocol TCP
          lvs_method NAT
          real_server 10.0.1.1 8080 {
            TCP_CHECK
          }
        }
        virtual_server_group web {
          10.0.0.9
          10.0.0.1-3 80
          10.0.0.254-10.0.1.0 81
          10.0.2.0/31 82
          10.0.3.1-2 90-91
          fwmark 5
        }
        virtual_server group web6 {
          protocol UDP
          lvs_method DR
          real_server 2001:db8::1 53 {
          }
        }
        virtual_server_group web6 {
          2001:db8:1::fffe-ffff 53
          2001:db8:1::1:0/127 53
          fwmark 5 inet6
        }
    """
    found = services(text, warnings=2)
    keys = [str(service.key) for service in found]
    assert keys == [
        "TCP 10.0.0.9:0",
        *(f"TCP 10.0.0.{n}:80" for n in (1, 2, 3)),
        *(f"TCP 10.0.{n}:81" for n in ("0.254", "0.255", "1.0")),
        *(f"TCP 10.0.2.{n}:82" for n in (0, 1)),
        *(f"TCP 10.0.3.{n}:{port}" for n in (1, 2) for port in (90, 91)),
        "FWM 5",
        *(f"UDP [2001:db8:1::{n}]:53" for n in ("fffe", "ffff", "1:0", "1:1")),
        "FWM 5 IPv6",
    ]
    assert {service.group for service in found} == {"web", "web6"}
    ports = {str(service.key): service.real_servers[0].key.port for service in found}
    assert ports["TCP 10.0.0.9:0"] == 8080
    assert (ports["TCP 10.0.0.1:80"], ports["FWM 5"]) == (8080, 0)
    assert len({server.checks for service in found[:-5] for server in service.real_servers}) == 1


def test_words_of_the_service_are_defaults_of_its_servers() -> None:
    whole = service(
        "weight 5\n inhibit_on_failure\n alpha\n omega\n"
        "real_server 10.0.1.1 80 {\n weight 0\n inhibit_on_failure off\n alpha off\n}\n"
        "real_server 10.0.1.2 80 {\n uthreshold 9\n lthreshold 3\n}\n"
    )
    assert whole.real_servers == (
        RealServer(key("10.0.1.1", 80), 0),
        RealServer(
            key("10.0.1.2", 80),
            5,
            upper_threshold=9,
            lower_threshold=3,
            inhibit_on_failure=True,
            alpha=True,
        ),
    )


@pytest.mark.parametrize(
    ("inside", "quorum", "warnings"),
    [
        ("", Quorum(1, 0), 0),
        ("quorum 4\n hysteresis 2", Quorum(4, 2), 0),
        ("quorum 9", Quorum(6, 0), 1),
        ("quorum 2\n hysteresis 2", Quorum(2, 1), 1),
        ("quorum 5\n hysteresis 3", Quorum(5, 3), 1),
    ],
)
def test_quorum(inside: str, quorum: Quorum, warnings: int) -> None:
    servers = "".join(f"real_server 10.0.1.{n} 80 {{\n weight {n}\n}}\n" for n in (1, 2, 3))
    assert service(f"{inside}\n{servers}", warnings).quorum == quorum


def test_sorry_server() -> None:
    sorry = SorryServer(key("10.0.1.9", 80))
    assert service("sorry_server 10.0.1.9 80").sorry_server == sorry
    assert service("sorry_server 10.0.1.9").sorry_server == sorry
    inhibited = service("sorry_server 10.0.1.9\n sorry_server_inhibit").sorry_server
    assert inhibited == replace(sorry, inhibit=True)
    other = service("sorry_server 10.0.1.9 81\n sorry_server_lvs_method NAT").sorry_server
    assert other == SorryServer(key("10.0.1.9", 81), NAT)


def test_one_packet_is_for_udp() -> None:
    assert service("ops", warnings=1).one_packet is False
    assert service("ops\n protocol UDP", warnings=1).one_packet is True  # protocol is said twice
    assert service("persistence_engine sip").persistence_engine == "sip"


def test_scripts() -> None:
    text = """global_defs {
          script_user nobody nogroup
          enable_script_security
          rs_init_notifies
        }
        virtual_server 10.0.0.1 80 {
          protocol TCP
          lvs_method DR
          alpha
          omega
          quorum_up "/etc/up.sh 'a b' c" root
          quorum_down /etc/down.sh daemon adm
          real_server 10.0.1.1 80 {
            notify_up "/etc/rs.sh \\"x y\\""
            notify_down '/etc/rs.sh down'
          }
        }"""
    result = load(text.encode(), "f")
    assert result.diagnostics == ()
    assert result.config is not None
    assert result.config.scripts == ScriptPolicy("nobody", "nogroup", True, True)
    (whole,) = services(text)
    assert whole.omega
    assert whole.quorum_up == Script(("/etc/up.sh", "a b", "c"), "root")
    assert whole.quorum_down == Script(("/etc/down.sh",), "daemon", "adm")
    (server,) = whole.real_servers
    assert server.alpha
    assert server.notify_up == Script(("/etc/rs.sh", "x y"))
    assert server.notify_down == Script(("/etc/rs.sh", "down"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("quorum_up", "quorum_up needs a value; write 'quorum_up COMMAND [USER [GROUP]]'"),
        ('quorum_up ""', "quorum_up needs a command; write its path"),
        ("quorum_up \"/a 'b\"", "a quote within '/a 'b' is not closed; close it, or write a "
         "backslash before it"),
        ('quorum_up "/a', 'this quote is not closed; end it with " on its line'),
        ("quorum_up /a b/c", "'b/c' is not a name of a user or group"),
        ("quorum_up /a b c d", "'d' is more than quorum_up takes; "
         "write 'quorum_up COMMAND [USER [GROUP]]'"),
    ],
)  # fmt: skip
def test_wrong_scripts(line: str, message: str) -> None:
    text = f"virtual_server 10.0.0.1 80 {{\nprotocol TCP\nlvs_method DR\n{line}\n"
    text += "real_server 10.0.1.1 80 {\n}\n}"
    (said,) = load(text.encode(), "f").diagnostics
    assert str(said).partition("error: ")[2] == message

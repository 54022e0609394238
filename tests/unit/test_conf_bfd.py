"""What `bfd_instance` and `BFD_CHECK` blocks mean."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from trimaran.conf import load
from trimaran.model.bfd import BfdSession
from trimaran.model.check import BfdCheck
from trimaran.model.config import Config
from trimaran.model.duration import MICROSECOND, MILLISECOND, SECOND
from trimaran.model.tracking import Track, Tracker, TrackerKind

PEER = BfdSession("peer", ip_address("10.0.0.2"))
SERVICE = """
virtual_server 10.0.0.1 80 {
  protocol TCP
  lvs_method DR
  real_server 10.0.1.1 80 {
    %s
  }
}
"""


def loaded(text: str) -> Config:
    result = load((text + SERVICE % "").encode(), "f")
    assert result.config is not None, [str(d) for d in result.diagnostics]
    assert not result.diagnostics
    return result.config


def session(inside: str) -> BfdSession:
    (found,) = loaded(f"bfd_instance peer {{\n{inside}\n}}\n").bfd_sessions
    return found


def refusal(text: str, check: str = "") -> str:
    result = load((text + SERVICE % check).encode(), "f")
    assert result.config is None
    return str(result.diagnostics[0])


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("neighbor_ip 10.0.0.2", PEER),
        ("neighbour_ip 10.0.0.2\npassive", replace(PEER, passive=True)),
        ("neighbor_ip 10.0.0.2\nsource_ip 10.0.0.1\nmultiplier 3",
         replace(PEER, source=ip_address("10.0.0.1"), multiplier=3)),
        ("neighbor_ip 10.0.0.2\nmin_rx 3.312\nmin_tx 400\nidle_tx 1500",
         replace(PEER, required_min_rx=3312 * MICROSECOND, desired_min_tx=400 * MILLISECOND,
                 idle_tx=1500 * MILLISECOND)),
        ("neighbor_ip 10.0.0.2\nmax_hops 3", replace(PEER, least_ttl=252)),
        ("neighbor_ip 10.0.0.2\nmax_hops -1", replace(PEER, least_ttl=0)),
        ("neighbor_ip 10.0.0.2\nmax_hops 255", replace(PEER, least_ttl=0)),
        ("neighbor_ip 10.0.0.2\nttl 64\nmax_hops 3", replace(PEER, ttl=64, least_ttl=61)),
        ("neighbor_ip 2001:db8::2", replace(PEER, neighbour=ip_address("2001:db8::2"),
                                            least_ttl=64)),
        ("neighbor_ip 2001:db8::2\nhoplimit 255",
         replace(PEER, neighbour=ip_address("2001:db8::2"))),
    ],
)  # fmt: skip
def test_sessions(inside: str, expected: BfdSession) -> None:
    assert session(inside) == expected


def test_the_longest_interval_is_what_a_packet_holds() -> None:
    assert session("neighbor_ip 10.0.0.2\nmin_rx 4294967.295").required_min_rx < 4295 * SECOND
    assert "out of range" in refusal("bfd_instance a {\nneighbor_ip 10.0.0.2\nmin_rx 4294968\n}")


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("", "f:1:1: error: bfd_instance a has no neighbor_ip or neighbour_ip"),
        ("neighbor_ip 10.0.0.2\nmin_rx 0.5",
         "f:3:8: error: min_rx 0.5 is out of range; write milliseconds from 1 to 4294967.295, "
         "with up to 3 decimals"),
        ("neighbor_ip 10.0.0.2\nmin_tx 1.2345", "'1.2345' is not a number of milliseconds"),
        ("neighbor_ip 10.0.0.2\nidle_tx 999", "idle_tx 999 is out of range"),
        ("neighbor_ip 10.0.0.2\nmultiplier 0", "multiplier 0 is out of range"),
        ("neighbor_ip 10.0.0.2\nsource_ip ::1",
         "f:3:11: error: ::1 and 10.0.0.2 are not of one version; write an IPv4 address"),
        ("neighbor_ip 10.0.0.2\nsource_ip 10.0.0.2", "10.0.0.2 is the neighbour"),
        ("neighbor_ip 10.0.0.2\nttl 3\nmax_hops 4", "max_hops 4 is more than ttl 3"),
        ("neighbor_ip 10.0.0.2\nmultihop", "not supported: 'multihop'"),
        ("neighbor_ip 10.0.0.2\nauth_type MD5", "'auth_type' does not belong in bfd_instance"),
    ],
)  # fmt: skip
def test_refusals(inside: str, message: str) -> None:
    assert message in refusal(f"bfd_instance a {{\n{inside}\n}}")


def test_one_session_a_neighbour_and_one_a_name() -> None:
    one = "bfd_instance a {\nneighbor_ip 10.0.0.2\n}\n"
    assert "bfd_instance a is already in line 1" in refusal(one + one.replace("0.2", "0.3"))
    second = one.replace("instance a", "instance b")
    assert "neighbor_ip 10.0.0.2 is already in line 2" in refusal(one + second)
    assert "is too long" in refusal(one.replace("instance a", "instance " + "a" * 32))


def test_a_check_names_a_session() -> None:
    sessions = "bfd_instance peer {\nneighbor_ip 10.0.0.2\n%s\n}\n"
    check = "BFD_CHECK { name peer }"
    for words in ("", "checker", "checker\nvrrp"):
        config = load((sessions % words + SERVICE % check).encode(), "f").config
        assert config is not None
        assert config.virtual_services[0].real_servers[0].checks == (BfdCheck("peer"),)
    assert "there is no bfd_instance 'other'" in refusal(sessions % "", "BFD_CHECK { name other }")
    assert "BFD_CHECK has no name" in refusal(sessions % "", "BFD_CHECK {\n}")
    assert "bfd_instance 'peer' is for VRRP only" in refusal(sessions % "vrrp", check)


def test_a_virtual_router_tracks_a_session() -> None:
    text = (
        "bfd_instance peer {\nneighbor_ip 10.0.0.2\nweight -30 reverse\n%s\n}\n"
        "vrrp_instance one {\ninterface eth0\nvirtual_router_id 1\n"
        "virtual_ipaddress {\n10.0.0.1/24\n}\ntrack_bfd {\n%s\n}\n}\n"
    )
    bfd = Tracker(TrackerKind.BFD, "peer")
    for entry, expected in (
        ("peer", Track(bfd, -30, True)),
        ("peer weight 20 noreverse", Track(bfd, 20, False)),
        ("peer weight 0 noreverse", Track(bfd, 0, False)),
    ):
        result = load((text % ("", entry)).encode(), "f")
        assert result.config is not None, [str(d) for d in result.diagnostics]
        (router,) = result.config.virtual_routers
        assert router.tracked == (expected,)
        assert result.config.trackers == (), "the checker has nothing to do with it"
    assert "there is no bfd_instance 'other' for VRRP" in refusal(text % ("", "other"))
    assert "there is no bfd_instance 'peer' for VRRP" in refusal(text % ("checker", "peer"))

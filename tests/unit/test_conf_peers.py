"""The files of peers, checked together."""

import pytest

from trimaran.conf import load
from trimaran.conf.peers import compared

ONE = """vrrp_instance x {
  interface eth0
  virtual_router_id 7
  priority 100
  virtual_ipaddress {
    10.0.0.1/24
    10.0.0.2/24
  }
}
"""
TWO = ONE.replace("100", "90").replace("eth0", "ens1")


def said(*texts: str) -> list[str]:
    files = {f"lb{n}": load(text.encode(), f"lb{n}") for n, text in enumerate(texts, start=1)}
    for result in files.values():
        assert not result.diagnostics, [str(diagnostic) for diagnostic in result.diagnostics]
    return [str(d) for result in compared(files).values() for d in result.diagnostics]


def test_good_peers() -> None:
    assert said(ONE, TWO) == []
    assert said(ONE, TWO, TWO.replace("90", "80")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    10.0.0.2/24\n", "", "5:3: warning: not the addresses of lb1: "
         "10.0.0.2/24 only in lb1; write the same addresses"),
        (".2/24", ".3/24", "5:3: warning: not the addresses of lb1: "
         "10.0.0.2/24 only in lb1, 10.0.0.3/24 only here; write the same addresses"),
        ("90", "100", "4:12: warning: priority 100 is that in lb1 too: the higher address wins; "
         "give each director a priority of its own"),
        ("  priority 90", "  priority 90\n  advert_int 2", "5:14: error: advert_int 2 here, 1 in "
         "lb1: neither hears the other, both become master; write the same interval"),
        ("  priority 90", "  priority 90\n  version 3", "5:11: error: VRRP version 3 here, 2 in "
         "lb1: neither hears the other, both become master; write the same version"),
        ("  priority 90", "  priority 90\n  authentication {\n auth_type PASS\n auth_pass y\n}",
         "5:3: error: not the authentication of lb1: neither hears the other, both become master; "
         "write the same auth_type and auth_pass"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(old: str, new: str, message: str) -> None:
    assert said(ONE, TWO.replace(old, new)) == [f"lb2:{message}"]


def test_files_of_unrelated_clusters_are_not_compared() -> None:
    """Nearly all are called VI_1 with VRID 51; what tells them apart is where they are."""
    elsewhere = ONE.replace("10.0.0.", "10.7.7.")
    assert said(ONE, elsewhere) == []
    assert "not the addresses of lb1" in said(ONE, TWO.replace(".1/24", ".8/24"))[0]


def test_intervals_of_version_3_are_learned() -> None:
    one, two = (text.replace("  priority", "  version 3\n  priority") for text in (ONE, TWO))
    (message,) = said(one, two.replace("90", "90\n advert_int 2"))
    assert message.startswith("lb2:6:13: warning: advert_int 2 here, 1 in lb1")


@pytest.mark.parametrize("change", [("_id 7", "_id 8"), ("instance x", "instance y")])
def test_others_are_no_peers(change: tuple[str, str]) -> None:
    other = TWO.replace(*change).replace("10.0.0", "10.0.1").replace("90", "100")
    assert said(ONE, other) == []


@pytest.mark.parametrize(
    ("weight", "moves"), [("-5", False), ("-10", False), ("-11", True), ("5", False), ("20", False)]
)
def test_a_weight_that_is_too_small(weight: str, moves: bool) -> None:
    tracked = f"  track_interface {{\n    eth1 weight {weight}\n  }}\n  priority"
    found = said(ONE.replace("  priority", tracked), TWO)
    if moves:
        assert found == []
    else:
        (message,) = found
        assert message.startswith(f"lb1:5:17: warning: weight {weight} moves nothing: without eth1")


def test_the_weight_of_the_lower_one_does_not_matter() -> None:
    tracked = "  track_interface {\n    eth1 weight -1\n  }\n  priority"
    assert said(ONE, TWO.replace("  priority", tracked)) == []


def test_weights_under_nopreempt_are_vain() -> None:
    text = ONE.replace(
        "  priority", "  nopreempt\n  track_interface {\n eth1 weight -50\n eth2\n  }\n  priority"
    )
    (diagnostic,) = load(text.encode(), "f").diagnostics
    assert str(diagnostic).startswith(
        "f:6:14: warning: weight -50 moves no address: with nopreempt"
    )


def group_of(first: int, second: int) -> str:
    """Two virtual routers of these priorities, in a sync group."""
    one = ONE.replace("100", str(first))
    two = one.replace(f"priority {first}", f"priority {second}")
    two = two.replace(" x ", " y ").replace("id 7", "id 8").replace("10.0.0", "10.0.1")
    return one + two + "vrrp_sync_group g {\n  group {\n    x\n    y\n  }\n}\n"


def test_a_sync_group_has_one_best_director() -> None:
    assert said(group_of(100, 100), group_of(90, 80)) == []
    (found,) = said(group_of(100, 100), group_of(90, 110))
    assert found.partition("warning: ")[2] == (
        "priority 110 is above the 100 of lb1, and that of x is not, but both are in "
        "vrrp_sync_group g, which moves as a whole; have the same director be the best for all "
        "members"
    )

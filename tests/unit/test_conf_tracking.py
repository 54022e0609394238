"""Trackers and sync groups: what a file means, and what is wrong with it."""

import pytest

from trimaran.conf import Result, load
from trimaran.model.config import Config
from trimaran.model.duration import SECOND
from trimaran.model.group import SyncGroup
from trimaran.model.script import Script
from trimaran.model.tracking import (
    ParameterMatch,
    Track,
    Tracker,
    TrackerKind,
    TrackFile,
    TrackProcess,
    TrackScript,
    interface,
)

CHECK = Tracker(TrackerKind.SCRIPT, "chk")
LOAD = Tracker(TrackerKind.FILE, "load")
PROXY = Tracker(TrackerKind.PROCESS, "proxy")
TRACKERS = """
vrrp_script chk {
  script "/usr/bin/check --fast"
  weight -20 reverse
}
track_file load {
  file /run/load
}
vrrp_track_process proxy {
  process haproxy -f /etc/haproxy.cfg
  param_match initial
  weight 10
  delay 0.5
  terminate_delay 2
  quorum 2
}
"""


def instance(name: str = "a", vrid: int = 1, inside: str = "") -> str:
    return (
        f"vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {inside}\n"
        f" virtual_ipaddress {{ 10.0.0.{vrid}/24 }}\n}}\n"
    )


def config(text: str) -> Config:
    result = load(text.encode(), "f")
    assert result.config is not None, [str(d) for d in result.diagnostics]
    assert result.diagnostics == ()
    return result.config


def said(text: str) -> list[str]:
    result: Result = load(text.encode(), "f")
    return [str(diagnostic) for diagnostic in result.diagnostics]


def test_definitions() -> None:
    inside = "track_script { chk }\n track_file { load }\n track_process { proxy }"
    assert config(TRACKERS + instance(inside=inside)).trackers == (
        TrackScript("chk", Script(("/usr/bin/check", "--fast"))),
        TrackFile("load", "/run/load"),
        TrackProcess(
            "proxy",
            "haproxy",
            ("-f", "/etc/haproxy.cfg"),
            ParameterMatch.INITIAL,
            quorum=2,
            fork_delay=SECOND // 2,
            terminate_delay=2 * SECOND,
        ),
    )


def test_everything_of_a_script_and_a_file() -> None:
    text = """
    vrrp_script s {
      script /bin/s nobody
      interval 2.5
      timeout 1
      rise 3
      fall 2
      init_fail
      user www-data www
    }
    track_file f {
      file /run/f
      init_file 3 overwrite
    }
    """ + instance(inside="track_script { s }\n track_file { f weight 0 reverse }")
    got = config(text)
    assert got.trackers == (
        TrackScript(
            "s", Script(("/bin/s",), "www-data", "www"), 5 * SECOND // 2, SECOND, 3, 2, True
        ),
        TrackFile("f", "/run/f", 3, True),
    )
    assert got.virtual_routers[0].tracked[1] == Track(
        Tracker(TrackerKind.FILE, "f"), 0, reverse=True
    )


def test_a_tracker_that_nobody_uses_is_not_looked_after() -> None:
    assert config(TRACKERS + instance()).trackers == ()


@pytest.mark.parametrize(
    ("entry", "track"),
    [
        ("track_script { chk }", Track(CHECK, -20, True)),
        ("track_script { chk noreverse }", Track(CHECK, -20, False)),
        ("track_script { chk weight 0 }", Track(CHECK, 0, True)),
        ("track_script { chk weight 5 noreverse }", Track(CHECK, 5, False)),
        ("track_file { load }", Track(LOAD, 1)),
        ("track_file { load weight -254 }", Track(LOAD, -254)),
        ("track_process { proxy weight 3 reverse }", Track(PROXY, 3, True)),
        ("track_interface { eth1 weight -5 reverse }", interface("eth1", -5, reverse=True)),
    ],
)
def test_the_weight_is_the_trackers_or_that_of_its_use(entry: str, track: Track) -> None:
    (router,) = config(TRACKERS + instance(inside=entry)).virtual_routers
    assert router.tracked == (track,)


def test_the_primary_interface_need_not_be_tracked() -> None:
    (router,) = config(instance(inside="dont_track_primary")).virtual_routers
    assert not router.track_primary


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            instance(inside="track_script { chk }"),
            "f:4:17: error: there is no vrrp_script 'chk'; write 'vrrp_script chk { ... }'",
        ),
        (
            TRACKERS + instance(inside="track_script { chek }"),
            "f:20:17: error: there is no vrrp_script 'chek'; there is chk",
        ),
        (
            TRACKERS + instance(inside="track_script {\n chk\n chk weight 3\n }"),
            "f:22:2: warning: script chk is tracked already; remove one of the two",
        ),
        (
            "vrrp_script x {\n interval 1\n}\n" + instance(),
            "f:1:1: error: vrrp_script x has no script; write 'script \"/path/to/program ARGUMENT "
            "...\"'",
        ),
        (
            instance(inside="track_interface { eth1 weight 254 }"),
            "f:4:32: error: weight 254 is out of range; write a number from -253 to 253",
        ),
        (
            TRACKERS + instance(inside="priority 255\n track_script { chk }"),
            "f:21:17: warning: weight -20 is ignored: priority 255 never moves; write weight 0, "
            "whose loss is a FAULT, or a lower priority",
        ),
        (
            TRACKERS + instance(inside="nopreempt\n track_script { chk }"),
            "f:21:17: warning: weight -20 moves no address: with nopreempt a backup leaves a "
            "master alone, whatever its priority; write weight 0, whose loss is a FAULT, or "
            "remove nopreempt on all peers",
        ),
        (
            "vrrp_track_file x {\n file /f\n}\n" + instance(),
            "f:1:1: error: 'vrrp_track_file' is obsolete; write 'track_file'",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_trackers(text: str, message: str) -> None:
    assert said(text) == [message]


PAIR = instance("a", 1) + instance("b", 2)


def test_a_group_is_known_to_its_members() -> None:
    got = config("vrrp_sync_group g {\n group {\n a\n b\n}\n}\n" + PAIR)
    assert got.sync_groups == (SyncGroup("g", ("a", "b")),)
    assert [router.group for router in got.virtual_routers] == ["g", "g"]
    assert config("vrrp_sync_group g {\n group { a b }\n}\n" + PAIR) == got


def test_what_a_group_tracks_all_its_members_do() -> None:
    group = "vrrp_sync_group g {\n group { a b }\n track_script { chk weight -30 noreverse }\n}\n"
    got = config(TRACKERS + group + PAIR)
    assert [router.tracked for router in got.virtual_routers] == [(Track(CHECK, -30),)] * 2
    assert [one.tracker for one in got.trackers] == [CHECK]


MEMBER_TRACKS = "track_script { chk }\n track_interface {\n eth1 weight -20\n eth2\n}\n"


def test_weights_of_members_do_not_count() -> None:
    text = TRACKERS + instance("a", 1, MEMBER_TRACKS) + instance("b", 2)
    text += "vrrp_sync_group g {\n group { a b }\n}\n"
    got = load(text.encode(), "f")
    assert [str(diagnostic) for diagnostic in got.diagnostics] == [
        "f:20:17: warning: script chk is ignored, since it has weight -20: this vrrp_instance is "
        "in a sync group; track it in the vrrp_sync_group, for all members alike, or write "
        "weight 0",
        "f:22:14: warning: weight -20 counts as 0, whose loss is a FAULT: this vrrp_instance is "
        "in a sync group; track it in the vrrp_sync_group, for all members alike, or write "
        "weight 0",
    ]
    assert got.config is not None
    assert got.config.virtual_routers[0].tracked == (interface("eth1"), interface("eth2"))
    assert got.config.trackers == ()


def test_weights_that_part_the_members_of_a_group_are_warned_of() -> None:
    text = TRACKERS + instance("a", 1, MEMBER_TRACKS) + instance("b", 2)
    text += "vrrp_sync_group g {\n group { a b }\n sync_group_tracking_weight\n}\n"
    (warning,) = [line for line in said(text) if "moves the priority" in line]
    assert warning.endswith(
        "warning: interface eth1 with weight -20 moves the priority of a only, and "
        "vrrp_sync_group g becomes master as a whole; track it in the vrrp_sync_group, for all "
        "members alike"
    )
    alike = text.replace(instance("b", 2), instance("b", 2, MEMBER_TRACKS))
    assert not [line for line in said(alike) if "moves the priority" in line]


def test_unless_the_group_says_so() -> None:
    text = TRACKERS + instance("a", 1, MEMBER_TRACKS) + instance("b", 2, MEMBER_TRACKS)
    text += "vrrp_sync_group g {\n group { a b }\n sync_group_tracking_weight\n}\n"
    tracked = config(text).virtual_routers[0].tracked
    assert tracked == (interface("eth1", -20), interface("eth2"), Track(CHECK, -20, True))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("group { a }", "f:1:1: warning: vrrp_sync_group g has only one member; write at least "
         "two, or remove it"),
        ("group { a c }", "f:2:12: error: there is no vrrp_instance 'c'; there is a, b"),
        ("", "f:1:1: error: vrrp_sync_group g has no group; write 'group { NAME NAME }' with the "
         "names of virtual routers"),
        ("group { a b }\n}\nvrrp_sync_group h {\n group { b a }",
         "f:5:10: error: b as a member of a vrrp_sync_group is already used in line 2; change or "
         "remove one"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_groups(group: str, message: str) -> None:
    assert said(f"vrrp_sync_group g {{\n {group}\n}}\n{PAIR}")[0] == message

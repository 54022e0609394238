"""What a file says of announcements, of other masters, and of the start."""

import pytest

from trimaran.conf import load
from trimaran.model.config import Config
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import Announcements, Manners, VirtualRouter
from trimaran.views.diagnostics import diagnostic_text

FILE = """\
global_defs {
  %s
}
vrrp_instance ip1 {
  interface eth0
  virtual_router_id 1
  %s
  virtual_ipaddress {
    %s
  }
}
"""


def config(inside: str, globally: str, address: str = "10.0.0.1/24") -> Config:
    result = load((FILE % (globally, inside, address)).encode(), "f")
    assert result.config is not None, result.diagnostics
    return result.config


def router(inside: str, globally: str = "", address: str = "10.0.0.1/24") -> VirtualRouter:
    return config(inside, globally, address).virtual_routers[0]


@pytest.mark.parametrize(
    ("inside", "globally", "expected"),
    [
        ("", "", Announcements()),
        ("garp_master_refresh 60", "", Announcements(refresh=60 * SECOND)),
        (
            "garp_master_refresh_repeat 2",
            "vrrp_garp_master_refresh 30",
            Announcements(refresh=30 * SECOND, refresh_repeat=2),
        ),
        (
            "garp_master_repeat 2\n garp_master_delay 1",
            "",
            Announcements(2, SECOND),
        ),
        (
            "garp_lower_prio_repeat 0",
            "vrrp_garp_lower_prio_delay 7\n vrrp_garp_lower_prio_repeat 3",
            Announcements(lower_repeat=0, lower_delay=7 * SECOND),
        ),
        (
            "",
            "vrrp_garp_interval 0.001\n vrrp_gna_interval 0.000001",
            Announcements(interval=MILLISECOND),
        ),
        ("", "vrrp_min_garp", Announcements(1, 0)),
        (
            "garp_master_repeat 4",
            "vrrp_min_garp on",
            Announcements(4, 0),
        ),
    ],
)
def test_announcements(inside: str, globally: str, expected: Announcements) -> None:
    assert router(inside, globally).announcements == expected


def test_neighbour_advertisements_have_an_interval_of_their_own() -> None:
    globally = "vrrp_garp_interval 0.1\n vrrp_gna_interval 0.2"
    assert router("", globally, "fe80::1/64").announcements.interval == 200 * MILLISECOND


@pytest.mark.parametrize(
    ("inside", "globally", "expected"),
    [
        ("", "", Manners()),
        ("preempt_delay 300", "", Manners(preempt_delay=300 * SECOND)),
        ("down_timer_adverts 5", "vrrp_down_timer_adverts 9", Manners(down_adverts=5)),
        ("", "vrrp_lower_prio_no_advert", Manners(answers_lower=False)),
        ("lower_prio_no_advert off", "vrrp_lower_prio_no_advert", Manners()),
        ("higher_prio_send_advert", "", Manners(last_word=True)),
    ],
)
def test_manners(inside: str, globally: str, expected: Manners) -> None:
    assert router(inside, globally).manners == expected


def test_preempt_delay_needs_state_backup() -> None:
    text = FILE % ("", "state MASTER\n priority 100\n preempt_delay 5", "10.0.0.1/24")
    result = load(text.encode(), "f")
    assert result.config is not None
    assert result.config.virtual_routers[0].manners == Manners()
    assert [diagnostic_text(d).splitlines()[0] for d in result.diagnostics] == [
        "f:9:2: warning: preempt_delay is ignored: it needs 'state BACKUP'; write 'state BACKUP', "
        "or remove preempt_delay"
    ]


def test_delays_of_the_start() -> None:
    found = config("", "vrrp_startup_delay 2.5\n vrrp_delay_after_boot 60")
    assert (found.startup_delay, found.delay_after_boot) == (2500 * MILLISECOND, 60 * SECOND)


def test_what_the_sample_file_of_keepalived_says() -> None:
    """Its `vrrp_strict` is what most who are caught by it have copied; 0 is an error there."""
    globally = """vrrp_skip_check_adv_addr
    vrrp_strict
    vrrp_garp_interval 0
    vrrp_gna_interval 0"""
    result = load((FILE % (globally, "", "10.0.0.1/24")).encode(), "f")
    assert result.config is not None
    assert [d.message for d in result.diagnostics] == [
        "'vrrp_skip_check_adv_addr' is not needed, ignored: to look at every advertisement's "
        "addresses costs nothing here",
        "'vrrp_strict' is ignored: it would keep clients from the virtual addresses themselves",
    ]

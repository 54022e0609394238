"""Keywords of when a virtual router does what: elections, announcements, answers."""

from trimaran.conf.schema import Keyword
from trimaran.conf.values import UINT32, Boolean, Integer, Seconds
from trimaran.model.duration import MILLISECOND, SECOND

_LONGEST = 4294 * SECOND

PREEMPT_DELAY = Keyword(
    "preempt_delay",
    Seconds(0, 1000 * SECOND),
    "Leave a master of lower priority alone for so long, then take over.",
    default=0,
)
DOWN_TIMER_ADVERTS = Keyword(
    "down_timer_adverts",
    Integer(1, 100),
    "After so many missing advertisements the master is gone. Default: `vrrp_down_timer_adverts`.",
)
LOWER_PRIO_NO_ADVERT = Keyword(
    "lower_prio_no_advert",
    Boolean(),
    "A master that hears a lesser one does not answer. Default: `vrrp_lower_prio_no_advert`.",
)
OWNER_IGNORE_ADVERTS = Keyword(
    "owner_ignore_adverts",
    Boolean(),
    "With priority 255: ignore what other masters advertise. Default: `vrrp_owner_ignore_adverts`.",
)
HIGHER_PRIO_SEND_ADVERT = Keyword(
    "higher_prio_send_advert",
    Boolean(),
    "A master that yields advertises once more. Default: `vrrp_higher_prio_send_advert`.",
)
GARP_MASTER_DELAY = Keyword(
    "garp_master_delay",
    Seconds(0, _LONGEST, decimals=0),
    "A new master announces its addresses again after this. Default: `vrrp_garp_master_delay`.",
)
GARP_MASTER_REPEAT = Keyword(
    "garp_master_repeat",
    Integer(1, UINT32),
    "Announcements each time. Default: `vrrp_garp_master_repeat`.",
)
GARP_MASTER_REFRESH = Keyword(
    "garp_master_refresh",
    Seconds(0, _LONGEST, decimals=0),
    "Announce them again so often. Default: `vrrp_garp_master_refresh`.",
)
GARP_MASTER_REFRESH_REPEAT = Keyword(
    "garp_master_refresh_repeat",
    Integer(1, UINT32),
    "Announcements each time then. Default: `vrrp_garp_master_refresh_repeat`.",
)
GARP_LOWER_PRIO_DELAY = Keyword(
    "garp_lower_prio_delay",
    Seconds(0, _LONGEST, decimals=0),
    "As `garp_master_delay`, when a lesser master is heard. Default: "
    "`vrrp_garp_lower_prio_delay`, else `garp_master_delay`.",
)
GARP_LOWER_PRIO_REPEAT = Keyword(
    "garp_lower_prio_repeat",
    Integer(0, UINT32),
    "As `garp_master_repeat`, when a lesser master is heard. Default: "
    "`vrrp_garp_lower_prio_repeat`, else `garp_master_repeat`.",
)
SKIP_CHECK_ADV_ADDR = Keyword(
    "skip_check_adv_addr",
    Boolean(),
    "Addresses of advertisements.",
    ignored="not needed, ignored: to look at every advertisement's addresses costs nothing here",
)
STRICT_MODE = Keyword(
    "strict_mode",
    Boolean(),
    "Strict mode.",
    ignored="ignored: it would keep clients from the virtual addresses themselves",
)
INSTANCE = (
    *(PREEMPT_DELAY, DOWN_TIMER_ADVERTS, LOWER_PRIO_NO_ADVERT, HIGHER_PRIO_SEND_ADVERT),
    OWNER_IGNORE_ADVERTS,
    *(GARP_MASTER_DELAY, GARP_MASTER_REPEAT, GARP_MASTER_REFRESH, GARP_MASTER_REFRESH_REPEAT),
    *(GARP_LOWER_PRIO_DELAY, GARP_LOWER_PRIO_REPEAT, SKIP_CHECK_ADV_ADDR, STRICT_MODE),
)
"""What a `vrrp_instance` says of it."""

VRRP_DOWN_TIMER_ADVERTS = Keyword(
    "vrrp_down_timer_adverts",
    DOWN_TIMER_ADVERTS.argument,
    "Default of `down_timer_adverts`.",
    default=3,
)
VRRP_LOWER_PRIO_NO_ADVERT = Keyword(
    "vrrp_lower_prio_no_advert", Boolean(), "Default of `lower_prio_no_advert`.", default=False
)
VRRP_OWNER_IGNORE_ADVERTS = Keyword(
    "vrrp_owner_ignore_adverts", Boolean(), "Default of `owner_ignore_adverts`.", default=False
)
VRRP_HIGHER_PRIO_SEND_ADVERT = Keyword(
    "vrrp_higher_prio_send_advert",
    Boolean(),
    "Default of `higher_prio_send_advert`.",
    default=False,
)
VRRP_GARP_MASTER_DELAY = Keyword(
    "vrrp_garp_master_delay",
    GARP_MASTER_DELAY.argument,
    "Default of `garp_master_delay`.",
    default=5 * SECOND,
)
VRRP_GARP_MASTER_REPEAT = Keyword(
    "vrrp_garp_master_repeat",
    GARP_MASTER_REPEAT.argument,
    "Default of `garp_master_repeat`.",
    default=5,
)
VRRP_GARP_MASTER_REFRESH = Keyword(
    "vrrp_garp_master_refresh",
    GARP_MASTER_REFRESH.argument,
    "Default of `garp_master_refresh`; 0: never.",
    default=0,
)
VRRP_GARP_MASTER_REFRESH_REPEAT = Keyword(
    "vrrp_garp_master_refresh_repeat",
    GARP_MASTER_REFRESH_REPEAT.argument,
    "Default of `garp_master_refresh_repeat`.",
    default=1,
)
VRRP_GARP_LOWER_PRIO_DELAY = Keyword(
    "vrrp_garp_lower_prio_delay",
    GARP_LOWER_PRIO_DELAY.argument,
    "Default of `garp_lower_prio_delay`.",
)
VRRP_GARP_LOWER_PRIO_REPEAT = Keyword(
    "vrrp_garp_lower_prio_repeat",
    GARP_LOWER_PRIO_REPEAT.argument,
    "Default of `garp_lower_prio_repeat`.",
)
VRRP_GARP_INTERVAL = Keyword(
    "vrrp_garp_interval",
    Seconds(0, SECOND),
    "Time between gratuitous ARP packets.",
    default=0,
)
VRRP_GNA_INTERVAL = Keyword(
    "vrrp_gna_interval",
    Seconds(0, SECOND),
    "Time between unsolicited neighbour advertisements.",
    default=0,
)
VRRP_MIN_GARP = Keyword(
    "vrrp_min_garp",
    Boolean(),
    "A new master announces its addresses once only, unless something else is said.",
    default=False,
)
VRRP_STARTUP_DELAY = Keyword(
    "vrrp_startup_delay",
    Seconds(MILLISECOND, _LONGEST),
    "Take no part in elections for so long after the start.",
)
VRRP_DELAY_AFTER_BOOT = Keyword(
    "vrrp_delay_after_boot",
    Seconds(MILLISECOND, _LONGEST),
    "Take no part in elections until the machine has been up for so long.",
)
VRRP_SKIP_CHECK_ADV_ADDR = Keyword(
    "vrrp_skip_check_adv_addr",
    Boolean(),
    SKIP_CHECK_ADV_ADDR.about,
    ignored=SKIP_CHECK_ADV_ADDR.ignored,
)
VRRP_STRICT = Keyword("vrrp_strict", Boolean(), STRICT_MODE.about, ignored=STRICT_MODE.ignored)
GLOBAL = (
    *(VRRP_DOWN_TIMER_ADVERTS, VRRP_LOWER_PRIO_NO_ADVERT, VRRP_HIGHER_PRIO_SEND_ADVERT),
    VRRP_OWNER_IGNORE_ADVERTS,
    *(VRRP_GARP_MASTER_DELAY, VRRP_GARP_MASTER_REPEAT, VRRP_GARP_MASTER_REFRESH),
    *(VRRP_GARP_MASTER_REFRESH_REPEAT, VRRP_GARP_LOWER_PRIO_DELAY, VRRP_GARP_LOWER_PRIO_REPEAT),
    *(VRRP_GARP_INTERVAL, VRRP_GNA_INTERVAL, VRRP_MIN_GARP),
    *(VRRP_STARTUP_DELAY, VRRP_DELAY_AFTER_BOOT, VRRP_SKIP_CHECK_ADV_ADDR, VRRP_STRICT),
)
"""What `global_defs` says for all virtual routers."""

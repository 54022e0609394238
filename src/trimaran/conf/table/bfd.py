"""Keywords of BFD sessions: `bfd_instance`, and the check that looks at one."""

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.table.check_words import CHECK_ALPHA
from trimaran.conf.values import Address, Flag, Integer, Text
from trimaran.conf.values_bfd import Milliseconds
from trimaran.conf.values_tracking import Weight, WeightAs
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.ip import IPAddress

NEIGHBOR_IP = Keyword[IPAddress](
    "neighbor_ip",
    Address(),
    "The neighbour, on the same link.",
    synonyms=("neighbour_ip",),
    required="write 'neighbor_ip ADDRESS'",
)
SOURCE_IP = Keyword[IPAddress](
    "source_ip", Address(), "Where packets come from. Default: the kernel's choice."
)
MIN_RX = Keyword(
    "min_rx",
    Milliseconds(),
    "The shortest interval between the neighbour's packets that we can take.",
    default=10 * MILLISECOND,
)
MIN_TX = Keyword(
    "min_tx",
    Milliseconds(),
    "The interval at which we want to send while the session is up.",
    default=10 * MILLISECOND,
)
IDLE_TX = Keyword(
    "idle_tx", Milliseconds(minimum=SECOND), "The same while it is not up.", default=SECOND
)
MULTIPLIER = Keyword(
    "multiplier",
    Integer(1, 255),
    "The neighbour says that we are down when so many packets in a row are missing.",
    default=5,
)
PASSIVE = Keyword("passive", Flag(), "Send nothing until the neighbour does.", default=False)
TTL = Keyword(
    "ttl",
    Integer(1, 255),
    "TTL or hop limit of the packets sent. Default: 255, as RFC 5881 wants it.",
    synonyms=("hoplimit",),
)
MAX_HOPS = Keyword(
    "max_hops",
    Integer(-1, 255),
    "How much less than `ttl` (without it 255; IPv6: 64, keepalived's default) a packet received "
    "may have; -1 and 255: any.",
    default=0,
)
WEIGHT = Keyword(
    "weight",
    Weight(253),
    "Default of the weight where it is tracked. With `reverse`, what is added is taken away.",
    default=WeightAs(0),
)
VRRP = Keyword("vrrp", Flag(), "Only virtual routers may use it. Default: all may.", default=False)
CHECKER = Keyword("checker", Flag(), "Only checks may use it. Default: all may.", default=False)
BFD_INSTANCE = Keyword(
    "bfd_instance",
    Text("NAME"),
    "A BFD session with a neighbour (RFC 5880, RFC 5881): asynchronous mode, a single hop, "
    "without authentication.",
    repeats=True,
    block=Block(
        "bfd_instance",
        (
            *(NEIGHBOR_IP, SOURCE_IP, MIN_RX, MIN_TX, IDLE_TX, MULTIPLIER, PASSIVE),
            *(TTL, MAX_HOPS, WEIGHT, VRRP, CHECKER),
        ),
    ),
)

SESSION = Keyword("name", Text("NAME"), "Which one.", required="write 'name NAME'")
BFD_CHECK = Keyword(
    "BFD_CHECK",
    Flag(),
    "The server is fit while a BFD session (`bfd_instance`) is up.",
    repeats=True,
    block=Block("virtual_server/real_server/BFD_CHECK", (SESSION, CHECK_ALPHA)),
)

TOP = (BFD_INSTANCE,)
"""Blocks at the top level."""

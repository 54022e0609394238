"""Keywords of `global_defs`: what holds for the whole director."""

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.table import checks, vrrp
from trimaran.conf.values import Flag, Integer, Text

_NO_MAIL = "not supported yet, ignored: no mail is sent"

ROUTER_ID = Keyword("router_id", Text("NAME"), "Name of this director.")
GLOBAL_DEFS = Keyword(
    "global_defs",
    Flag(),
    "What holds for the whole director.",
    repeats=True,
    block=Block(
        "global_defs",
        (
            ROUTER_ID,
            *vrrp.GLOBAL,
            *checks.GLOBAL,
            Keyword("notification_email", Text("{ ADDRESS ... }"), "Mail.", ignored=_NO_MAIL),
            Keyword("notification_email_from", Text("ADDRESS"), "Mail.", ignored=_NO_MAIL),
            Keyword("smtp_server", Text("HOST [PORT]"), "Mail.", ignored=_NO_MAIL),
            Keyword("smtp_connect_timeout", Integer(0, 4294), "Mail.", ignored=_NO_MAIL),
        ),
    ),
)

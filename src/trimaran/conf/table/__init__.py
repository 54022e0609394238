"""The table: every keyword that is supported, one row each, in the blocks it stands in.

Bounds and defaults are keepalived's. What keepalived has and this table lacks is refused by
name (see `known`). Times are nanoseconds. One file for each family of blocks:

    globals   global_defs
    vrrp      virtual routers
    services  virtual services and their real servers
    checks    health checks
    bfd       BFD sessions
    tracking  what virtual routers watch
    routing   routes and rules
"""

from trimaran.conf.schema import Block
from trimaran.conf.table import bfd, checks, globals, routing, services, tracking, vrrp

_VRRP = (*routing.TOP, *tracking.TOP, *bfd.TOP, *vrrp.TOP)
FILE = Block("(top)", (*globals.TOP, *_VRRP, *checks.TOP, *services.TOP))

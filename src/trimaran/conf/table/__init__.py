"""The table: every keyword that is supported, one row each, in the blocks it stands in.

Bounds and defaults are keepalived's. What keepalived has and this table lacks is refused by
name (see `known`). Times are nanoseconds. One file for each family of blocks:

    globals   global_defs
    vrrp      virtual routers
    services  virtual services and their real servers
    checks    health checks
"""

from trimaran.conf.schema import Block
from trimaran.conf.table import checks, services, vrrp
from trimaran.conf.table.globals import GLOBAL_DEFS

FILE = Block("(top)", (GLOBAL_DEFS, *vrrp.TOP, *checks.TOP, *services.TOP))

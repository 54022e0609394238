"""Keywords of a virtual router's own MAC address."""

from trimaran.conf.schema import Keyword
from trimaran.conf.values import Flag
from trimaran.conf.values_virtual_mac import MacDevice

USE_VMAC = Keyword(
    "use_vmac",
    MacDevice(),
    "Hold the addresses on a macvlan device of this name with a MAC address of their own, so that "
    "clients need not learn another one. Default: `vrrp.` and the VRID, 00:00:5e:00:01 (IPv6: 02) "
    "and the VRID. The device is up while this director is master.",
)
VMAC_XMIT_BASE = Keyword(
    "vmac_xmit_base",
    Flag(),
    "With `use_vmac`: send advertisements from the interface's MAC address all the same.",
    default=False,
)
INSTANCE = (USE_VMAC, VMAC_XMIT_BASE)
"""What a `vrrp_instance` says of it."""

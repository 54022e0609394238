"""From `use_vmac` to virtual routers' own MAC addresses and devices."""

from collections.abc import Hashable
from itertools import chain, count

from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import virtual_mac as table
from trimaran.conf.table.vrrp import INTERFACE, VIRTUAL_ROUTER_ID
from trimaran.conf.tokens import Word
from trimaran.model.transport import Transport
from trimaran.model.virtual_mac import VirtualMac, standard_mac

_MAC_LENGTH = 6


class VirtualMacs:
    """Those of a file, one virtual router after another: each needs a device name of its own."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._devices: dict[str, Word] = {}
        self._macs: dict[Hashable, Word] = {}

    def of(self, instance: Setting[str], way: Transport) -> VirtualMac | None:
        """The one of a virtual router, if it shall have one; what is wrong with it is reported."""
        setting = instance.last(table.USE_VMAC)
        said = instance.get(table.USE_VMAC)
        vrid = instance.get(VIRTUAL_ROUTER_ID)
        base = instance.last(table.VMAC_XMIT_BASE)
        if setting is None and base is not None:
            self._report.warning(
                base.word, "vmac_xmit_base is ignored: it needs use_vmac", "write 'use_vmac'"
            )
        if setting is None or said is None or vrid is None:
            return None
        device = said.device.text if said.device else self._free_name(vrid, ipv6=way.ipv6)
        place = said.device or setting.word
        if device in self._devices or device == instance.get(INTERFACE):
            self._report.error(
                place, f"there is a device {device} already", "write 'use_vmac' and another name"
            )
        self._devices[device] = place
        mac = standard_mac(vrid, ipv6=way.ipv6) if said.mac is None else said.mac
        if len(mac) < _MAC_LENGTH:
            mac += bytes([vrid])
        key = (instance.get(INTERFACE), mac)
        self._report.once(self._macs, key, place, f"MAC address {mac.hex(':')} on {key[0]}")
        return VirtualMac(device, mac, sends=base is None and way.peers is None)

    def _free_name(self, vrid: int, *, ipv6: bool) -> str:
        """As keepalived: `vrrp.51`, where that is taken `vrrp6.51` (IPv6), else `vrrp1.51`..."""
        kinds = chain(["", "6"] if ipv6 else [""], (str(n) for n in count(1) if n != 6))
        names = (f"vrrp{kind}.{vrid}" for kind in kinds)
        return next(name for name in names if name not in self._devices)

"""That a compiled program, maps that are there already, and `layout` mean the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp import layout
from trimaran.dataplane.xdp.capacity import NO_FLOWS, Capacity
from trimaran.dataplane.xdp.libbpf import BpfObject

_STRUCTS: Final = {
    "flow": layout.FLOW,
    "flow6": layout.FLOW6,
    "service": layout.SERVICE,
    "list_head": layout.LIST_HEAD,
    "member": layout.MEMBER,
    "row": layout.ROW,
    "destination": layout.DESTINATION,
    "counters": layout.COUNTERS,
    "load": layout.LOAD,
    "events": layout.EVENTS,
    "interface": layout.INTERFACE,
    "behaviour": layout.BEHAVIOUR,
    "tracing": layout.TRACING,
    "decision": layout.DECISION,
    "hop": layout.HOP,
    "live": layout.LIVE,
    "ledger": layout.LEDGER,
    "sweep": layout.SWEEP,
    "preview": layout.PREVIEW,
    "clock_reading": layout.CLOCK_READING,
    "newcomer": layout.NEWCOMER,
    "entering": layout.ENTERING,
    "icmp_budget": layout.ICMP_BUDGET,
}

_MEANING: Final = 4
"""To be raised when the meaning of a field changes but its place does not."""


def version(capacity: Capacity, cpus: int) -> int:
    """Identifies layout and sizes, but for that of IPv6's table: maps are taken over by a new
    program if this is equal."""
    sizes = replace(capacity, flows6=NO_FLOWS)
    described = repr((_MEANING, [(n, d.descr) for n, d in _STRUCTS.items()], sizes, cpus))
    return int.from_bytes(hashlib.blake2b(described.encode(), digest_size=8).digest(), "little")


def check(compiled: BpfObject) -> None:
    """Compares every shared structure with the compiled program's."""
    for name, declared in _STRUCTS.items():
        size, members = compiled.members(4, name)
        fields: Mapping[str, Any] = declared.fields or {}
        here = {field: (entry[1], entry[0].itemsize) for field, entry in fields.items()}
        if size != declared.itemsize or members != here:
            raise DataplaneError(
                f"the compiled XDP program does not match this trimaran (struct {name}): "
                "compile it again with `make -C bpf`"
            )

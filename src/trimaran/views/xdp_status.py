"""`trimaran xdp status`: what is in the kernel, for people and for programs."""

import msgspec

from trimaran.dataplane.xdp.inspection import Inspection
from trimaran.views.table import table


def to_json(found: Inspection, daemon: bool) -> str:
    """One document. `daemon`: whether one runs here."""
    document = {"daemon": daemon, **msgspec.to_builtins(found)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def to_text(found: Inspection, daemon: bool) -> str:
    """Tables of attachments, connections and maps."""
    attachments = [("INTERFACE", "MODE", "PROGRAM")]
    attachments += [(a.interface, a.mode, str(a.program)) for a in found.attached]
    live = sum(found.live.values())
    states = [("STATE", "CONNECTIONS")]
    states += [(name, str(number)) for name, number in found.live.items()]
    maps = [("MAP", "NUMBER", "ENTRIES", "VALUE", "BYTES")]
    maps += [
        (m.name, str(m.number), str(m.entries), str(m.value_size), str(m.size)) for m in found.maps
    ]
    owner = "kept by a trimaran daemon" if daemon else "no daemon runs: see trimaran xdp attach -h"
    unresolved = [f"no MAC address of {', '.join(found.unresolved)}: no connections go there", ""]
    events = [("EVENT", "TIMES"), *((name, str(number)) for name, number in found.events.items())]
    lines = [
        *table(attachments, right=(2,)),
        "",
        f"{found.services} services, {live} live connections, {found.templates} persistent "
        f"clients, room for {found.capacity}; {owner}",
        "",
        *(table(states, right=(1,)) if live else ()),
        *([""] if live else ()),
        *(unresolved if found.unresolved else ()),
        *((*table(events, right=(1,)), "") if found.events else ()),
        *table(maps, right=(1, 2, 3, 4)),
    ]
    return "".join(f"{line}\n" for line in lines)

"""Connection entries: `ipvsadm -L -c` (ipvs-semantics 7.5)."""

from collections.abc import Iterable, Iterator

from trimaran.dataplane.base import Connection
from trimaran.views.ipvsadm.names import Name, numeric

_TITLE = "IPVS connection entries\n"
_COLUMNS = "pro expire state       source             virtual            destination"


def connections(
    entries: Iterable[Connection], name: Name = numeric, *, engines: bool = False
) -> Iterator[str]:
    """Yield lines, in the order given. `engines`: with the data of persistence engines."""
    yield heading(engines=engines)
    for entry in entries:
        protocol = entry.protocol
        row = (
            f"{protocol:3} {_clock(entry.expires):6} {entry.state:11} "
            f"{name(protocol, entry.client, entry.client_port):18} "
            f"{name(protocol, entry.virtual, entry.virtual_port):18} "
        )
        destination = name(protocol, entry.destination.address, entry.destination.port)
        if engines and entry.engine:
            yield f"{row}{destination:16} {entry.engine:18} {entry.engine_data}\n"
        else:
            yield f"{row}{destination}\n"


def heading(*, engines: bool = False) -> str:
    """The lines above the entries. The columns for engines do not stand above their rows."""
    more = f"        {'pe name':16} pe_data" if engines else ""
    return f"{_TITLE}{_COLUMNS}{more}\n"


def _clock(seconds: int) -> str:
    return f"{seconds // 60:02}:{seconds % 60:02}"

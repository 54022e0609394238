"""IPVS's sysctls, as the program reads them (`struct behaviour`)."""

from collections.abc import Mapping
from dataclasses import asdict, replace

from trimaran.dataplane.base import Behaviour, DataplaneError
from trimaran.dataplane.xdp.loader import running_maps
from trimaran.dataplane.xdp.tables import Tables


def read_behaviour(tables: Tables) -> Behaviour:
    """What holds now."""
    here = tables.live["behaviour"]
    return Behaviour(*(int(here[name]) for name in here.dtype.names))


def write_behaviour(tables: Tables, behaviour: Behaviour) -> None:
    """In force from the next packet on, each by one store."""
    for name, value in asdict(behaviour).items():
        tables.live["behaviour"][name] = value


def tune(changes: Mapping[str, int]) -> Behaviour:
    """Change settings, by name, of the program that runs in this network namespace; what holds
    then. Whoever owns the tables keeps no copy, so this may be done beside a daemon."""
    maps = running_maps()
    if maps is None:
        raise DataplaneError("no XDP dataplane of trimaran runs in this network namespace")
    tables = Tables(maps, writable=True)
    try:
        if changes:
            write_behaviour(tables, replace(read_behaviour(tables), **changes))
        return read_behaviour(tables)
    finally:
        tables.close()

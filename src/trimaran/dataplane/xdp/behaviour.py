"""IPVS's sysctls, as the program reads them (`struct behaviour`)."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace

from trimaran.dataplane.base import Behaviour, DataplaneError
from trimaran.dataplane.xdp.loader import running_maps, set_transitions
from trimaran.dataplane.xdp.tables import Tables


def read_behaviour(tables: Tables) -> Behaviour:
    """What holds now."""
    here = tables.live["behaviour"]
    return Behaviour(*(int(here[field.name]) for field in fields(Behaviour)))


def write_behaviour(tables: Tables, behaviour: Behaviour) -> None:
    """In force from the next packet on, each by one store."""
    before = read_behaviour(tables)
    for name, value in asdict(behaviour).items():
        tables.live["behaviour"][name] = value
    if behaviour.drop_packet != before.drop_packet:
        tables.live["candidates"] = 0
    if behaviour.secure_tcp != before.secure_tcp:
        set_transitions(tables)


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

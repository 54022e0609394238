"""IPVS's sysctls, as the program reads them (`struct behaviour`)."""

from dataclasses import asdict

from trimaran.dataplane.base import Behaviour
from trimaran.dataplane.xdp.tables import Tables


def read_behaviour(tables: Tables) -> Behaviour:
    """What holds now."""
    here = tables.live["behaviour"]
    return Behaviour(*(int(here[name]) for name in here.dtype.names))


def write_behaviour(tables: Tables, behaviour: Behaviour) -> None:
    """In force from the next packet on, each by one store."""
    for name, value in asdict(behaviour).items():
        tables.live["behaviour"][name] = value

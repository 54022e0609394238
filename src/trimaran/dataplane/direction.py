"""Which way a packet of a connection goes, as far as its state machine is concerned."""

from enum import IntEnum


class Direction(IntEnum):
    """The three sets of transitions of IPVS (ipvs-semantics 1.2)."""

    INPUT = 0
    """From the client."""

    OUTPUT = 1
    """To the client."""

    INPUT_ONLY = 2
    """From the client, while no packet to it was ever seen: direct routing, tunnels."""

"""What a listing of ipvsadm says, read back by those who check it."""

from typing import NamedTuple


class ConnectionLine(NamedTuple):
    """A line of `ipvsadm -Lnc`; addresses with their ports, as printed."""

    protocol: str
    expire: str
    state: str
    source: str
    virtual: str
    destination: str


def connection_lines(listing: str) -> list[ConnectionLine]:
    """The entries of `ipvsadm -Lnc`, in its order."""
    rows = (line.split() for line in listing.splitlines()[2:])
    return [ConnectionLine(*row[:6]) for row in rows]


def destination_counts(listing: str) -> dict[str, tuple[int, int]]:
    """Destination → (ActiveConn, InActConn), from `ipvsadm -Ln`, of all services."""
    counts = {}
    for line in listing.splitlines()[3:]:
        fields = line.split()
        if fields[0] == "->":
            counts[fields[1]] = (int(fields[4]), int(fields[5]))
    return counts

"""The words for what the packet path does with a packet, for all who tell of it."""

from typing import Final

from trimaran.model.service import Forwarding

METHODS: Final = {
    Forwarding.DIRECT_ROUTING: "direct routing",
    Forwarding.MASQUERADING: "masquerading",
    Forwarding.TUNNEL: "tunnel",
    Forwarding.LOCAL: "local node",
}

FORWARDED: Final = "forwarded"
PASSED: Final = "the kernel's: passed on untouched"
LOCAL: Final = "up this director's own stack: the server is the director itself"
REFUSED: Final = "refused with ICMP port unreachable: no server may have new connections"
REMOVED: Final = "dropped: the server was removed from the service"
UNRESOLVED: Final = "dropped: no server's MAC address is known (the client tries again)"

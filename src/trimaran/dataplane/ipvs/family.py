"""The numbers of the generic netlink family IPVS (linux/ip_vs.h, ipvs-semantics 6.1)."""

from enum import IntEnum, IntFlag
from typing import Final

from trimaran.dataplane.base import SchedulerFlag, SyncRole, TunnelChecksum, TunnelType
from trimaran.model.service import Forwarding, Protocol

NAME: Final = "IPVS"
VERSION: Final = 1
AF_INET, AF_INET6 = 2, 10


class Command(IntEnum):
    """Commands of the family; a reply carries that of the corresponding NEW or SET."""

    NEW_SERVICE = 1
    SET_SERVICE = 2
    DEL_SERVICE = 3
    GET_SERVICE = 4
    NEW_DEST = 5
    SET_DEST = 6
    DEL_DEST = 7
    GET_DEST = 8
    NEW_DAEMON = 9
    DEL_DAEMON = 10
    GET_DAEMON = 11
    SET_CONFIG = 12
    GET_CONFIG = 13
    GET_INFO = 15
    ZERO = 16
    FLUSH = 17


class Top(IntEnum):
    """Attributes of every command but GET_INFO."""

    SERVICE = 1
    DESTINATION = 2
    DAEMON = 3
    TIMEOUT_TCP = 4
    TIMEOUT_TCP_FIN = 5
    TIMEOUT_UDP = 6


class InfoAttribute(IntEnum):
    """Attributes of the reply to GET_INFO."""

    VERSION = 1
    TABLE_SIZE = 2


class ServiceAttribute(IntEnum):
    """Attributes within SERVICE."""

    AF = 1
    PROTOCOL = 2
    ADDRESS = 3
    PORT = 4
    MARK = 5
    SCHEDULER = 6
    FLAGS = 7
    TIMEOUT = 8
    NETMASK = 9
    STATS = 10
    ENGINE = 11
    STATS64 = 12


class DestinationAttribute(IntEnum):
    """Attributes within DESTINATION."""

    ADDRESS = 1
    PORT = 2
    METHOD = 3
    WEIGHT = 4
    UPPER = 5
    LOWER = 6
    ACTIVE = 7
    INACTIVE = 8
    PERSISTENT = 9
    STATS = 10
    AF = 11
    STATS64 = 12
    TUNNEL_TYPE = 13
    TUNNEL_PORT = 14
    TUNNEL_FLAGS = 15


class DaemonAttribute(IntEnum):
    """Attributes within DAEMON."""

    ROLE = 1
    INTERFACE = 2
    SYNCID = 3
    MAX_LENGTH = 4
    GROUP = 5
    GROUP6 = 6
    PORT = 7
    TTL = 8


class ServiceFlag(IntFlag):
    """Flags of a service besides those of its scheduler."""

    PERSISTENT = 1
    ONE_PACKET = 4


SCHEDULER_FLAGS: Final = SchedulerFlag.FLAG_1 | SchedulerFlag.FLAG_2 | SchedulerFlag.FLAG_3

METHODS: Final = (
    Forwarding.MASQUERADING,
    Forwarding.LOCAL,
    Forwarding.TUNNEL,
    Forwarding.DIRECT_ROUTING,
)
TUNNELS: Final = (TunnelType.IPIP, TunnelType.GUE, TunnelType.GRE)
CHECKSUMS: Final = (TunnelChecksum.NONE, TunnelChecksum.FULL, TunnelChecksum.REMOTE)
ROLES: Final = {1: SyncRole.MASTER, 2: SyncRole.BACKUP}
PROTOCOLS: Final = {protocol.number: protocol for protocol in Protocol}

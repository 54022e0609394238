"""Options of a synchronisation daemon (ipvs-semantics 7.3)."""

from dataclasses import replace
from typing import Final

from trimaran.cli.ipvsadm import words
from trimaran.cli.ipvsadm.options import UsageError
from trimaran.dataplane.base import SyncDaemon, SyncRole

_DEFAULT_INTERFACE: Final = "eth0"
_LONGEST_INTERFACE: Final = 15
_LONGEST_DATAGRAM: Final = 65535 - 20 - 8

_PARAMETERS: Final = {"start-daemon": "start-daemon parameter", "stop-daemon": "start_daemon"}
"""How ipvsadm names the argument of a command when it is neither master nor backup."""


class SyncOptions:
    """What is known so far of a daemon. Methods raise `UsageError`."""

    def __init__(self) -> None:
        self.daemon = SyncDaemon(SyncRole.MASTER, _DEFAULT_INTERFACE)
        self.takes = {
            "mcast-interface": self._interface,
            "syncid": self._syncid,
            "mcast-group": self._group,
            "mcast-port": self._port,
            "mcast-ttl": self._ttl,
            "sync-maxlen": self._length,
        }

    def role(self, command: str, value: str) -> None:
        """The argument of --start-daemon or --stop-daemon."""
        try:
            self.daemon = replace(self.daemon, role=SyncRole(value))
        except ValueError:
            raise UsageError(f"illegal {_PARAMETERS[command]} specified") from None

    def _interface(self, value: str) -> None:
        interface = value[:_LONGEST_INTERFACE] or _DEFAULT_INTERFACE
        self.daemon = replace(self.daemon, interface=interface)

    def _syncid(self, value: str) -> None:
        syncid = words.within(value, 0, 255, "illegal syncid specified")
        self.daemon = replace(self.daemon, syncid=syncid)

    def _group(self, value: str) -> None:
        group = words.group(value)
        if group is None:
            version = "IPv6" if ":" in value else "IPv4"
            raise UsageError(f"invalid {version} mcast-group `{value}'")
        self.daemon = replace(self.daemon, group=group)

    def _port(self, value: str) -> None:
        port = words.within(value, 1, 65535, "illegal mcast-port specified")
        self.daemon = replace(self.daemon, port=port)

    def _ttl(self, value: str) -> None:
        ttl = words.within(value, 1, 255, "illegal mcast-ttl specified")
        self.daemon = replace(self.daemon, ttl=ttl)

    def _length(self, value: str) -> None:
        length = words.within(value, 1, _LONGEST_DATAGRAM, "illegal sync-maxlen specified")
        self.daemon = replace(self.daemon, max_length=length)

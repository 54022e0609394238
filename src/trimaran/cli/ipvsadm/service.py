"""Options of a virtual service (ipvs-semantics 7.3)."""

from dataclasses import replace
from typing import Final

from trimaran.cli.ipvsadm import words
from trimaran.cli.ipvsadm.options import UsageError
from trimaran.dataplane.base import Persistence, Settings
from trimaran.model.service import Protocol, ServiceKey

_DEFAULT_SCHEDULER: Final = "wlc"
_DEFAULT_PERSISTENCE: Final = 360
_LONGEST_SCHEDULER: Final = 15
_LONGEST_ENGINE: Final = 16
_EVERY_BIT: Final = 2**32 - 1

_PROTOCOLS: Final = {
    "tcp-service": Protocol.TCP,
    "udp-service": Protocol.UDP,
    "sctp-service": Protocol.SCTP,
}


class ServiceOptions:
    """What is known so far of the service that a command is about. Methods raise `UsageError`."""

    def __init__(self) -> None:
        self.key: ServiceKey | None = None
        self._settings = Settings("")
        self._flags = ""
        self._persistence: int | None = None
        self._mask = _EVERY_BIT
        self._prefix_length = 128
        self.takes = {
            "scheduler": self._scheduler,
            "netmask": self._netmask,
            "pe": self._engine,
            "sched-flags": self._scheduler_flags,
        }

    def settings(self) -> Settings:
        """All settings, when every option has been read."""
        try:
            flags = words.flags(self._flags, self._settings.scheduler)
        except words.BadFlag as error:
            raise UsageError(str(error)) from None
        scheduler = self._settings.scheduler or _DEFAULT_SCHEDULER
        persistence = None
        if self._persistence is not None:
            version = self.key.address.version if self.key is not None else 4
            mask = self._prefix_length if version == 6 else self._mask
            persistence = Persistence(self._persistence, mask)
        return replace(self._settings, scheduler=scheduler, flags=flags, persistence=persistence)

    def check(self) -> None:
        """Refuse what no service may be."""
        if self.key is None or self.key.mark:
            return
        if not self.key.port and self._persistence is None:
            raise UsageError("Zero port specified for non-persistent service")
        if self._settings.one_packet and self.key.protocol is not Protocol.UDP:
            raise UsageError("One-Packet Scheduling is only for UDP virtual services")

    def address(self, option: str, value: str) -> None:
        """Option -t, -u, --sctp-service or -f."""
        if option == "fwmark-service":
            mark = words.number(value, 1, 2**32 - 1)
            if mark is None:
                raise UsageError(f"invalid fwmark value `{value}' specified")
            self.key = ServiceKey.marked(mark)
            return
        found = words.endpoint(value, _PROTOCOLS[option])
        if found is None:
            raise UsageError("illegal virtual server address[:port] specified")
        self.key = ServiceKey(_PROTOCOLS[option], found.address, found.port or 0)

    def version_6(self) -> None:
        """Option -6: the mark is for IPv6."""
        if self.key is None or not self.key.mark:
            raise UsageError("-6 used before -f\n")
        self.key = ServiceKey.marked(self.key.mark, ipv6=True)

    def persistent(self, value: str | None) -> None:
        """Option -p."""
        self._persistence = _DEFAULT_PERSISTENCE if value is None else words.seconds(value, 1)

    def one_packet(self) -> None:
        """Option -o."""
        self._settings = replace(self._settings, one_packet=True)

    def _scheduler(self, value: str) -> None:
        self._settings = replace(self._settings, scheduler=value[:_LONGEST_SCHEDULER])

    def _scheduler_flags(self, value: str) -> None:
        self._flags = value

    def _engine(self, value: str) -> None:
        self._settings = replace(self._settings, persistence_engine=value[:_LONGEST_ENGINE])

    def _netmask(self, value: str) -> None:
        if self.key is not None and self.key.address.version == 6:
            self._prefix_length = words.leading_number(value)
            if not 1 <= self._prefix_length <= 128:
                raise UsageError("illegal ipv6 netmask specified")
            return
        mask = words.ipv4(value)
        if mask is None:
            raise UsageError("illegal virtual server persistent mask specified")
        self._mask = int(mask)

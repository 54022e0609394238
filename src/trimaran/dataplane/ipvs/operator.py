"""The kernel's IPVS of this network namespace, read and changed as ipvsadm does it."""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Self, TypeVar

from trimaran.dataplane.base import (
    Connection,
    DataplaneError,
    Refused,
    ServiceView,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from trimaran.dataplane.ipvs import family, modules, procfs, refusals, replies, requests
from trimaran.dataplane.ipvs.attributes import Malformed
from trimaran.dataplane.ipvs.family import Command
from trimaran.dataplane.ipvs.netlink import GenericNetlink, NetlinkError
from trimaran.dataplane.ipvs.replies import Info
from trimaran.dataplane.ipvs.requests import Request
from trimaran.dataplane.steps import Step
from trimaran.model.service import ServiceKey

Value = TypeVar("Value")

_CONNECTIONS: Final = Path("/proc/net/ip_vs_conn")


class IpvsOperator:
    """`dataplane.base.View` and `dataplane.steps.Operator` by generic netlink.

    Whatever the kernel refuses is `Refused` with its errno. Not safe for threads.
    """

    def __init__(self, netlink: GenericNetlink) -> None:
        self._netlink = netlink

    @classmethod
    def open(cls) -> Self:
        """On a socket of its own: see `connect`."""
        return cls(connect())

    def close(self) -> None:
        """Ends it; the kernel's table stays as it is."""
        self._netlink.close()

    # View

    def info(self) -> Info:
        """Version of IPVS and size of its connection table."""
        return self._get(Request(Command.GET_INFO), replies.read_info)

    def services(self) -> Sequence[ServiceView]:
        """All services with their destinations, in the kernel's own order.

        Read one by one: a change meanwhile may show in a part. Left out are services of
        protocols that IPVS takes but never serves.
        """
        found = self._dump(Request(Command.GET_SERVICE), replies.read_service)
        return [self._with_destinations(view) for view in found if view is not None]

    def service(self, key: ServiceKey) -> ServiceView | None:
        """One service with its destinations; None if there is none."""
        view = self._find(key)
        return None if view is None else self._with_destinations(view)

    def connections(self) -> Iterator[Connection]:
        """The connection entries, read as they are asked for. In no order."""
        try:
            with _CONNECTIONS.open(encoding="utf-8", errors="replace") as lines:
                yield from procfs.connections(lines)
        except OSError as error:
            raise Refused(error.errno or errno.EIO, f"{_CONNECTIONS}: {error.strerror}") from error

    def timeouts(self) -> Timeouts:
        return self._get(Request(Command.GET_CONFIG), replies.read_timeouts)

    def connection_table_size(self) -> int:
        """How many chains the table has; there is no limit to the entries."""
        return self.info().connection_table_size

    def sync_daemons(self) -> Sequence[SyncDaemon]:
        return self._dump(Request(Command.GET_DAEMON), replies.read_sync_daemon)

    # Operator

    def execute(self, step: Step) -> None:
        try:
            self._netlink.request(requests.request(step))
        except NetlinkError as error:
            raise refused_step(step, error) from error

    def zero(self, service: ServiceKey | None) -> None:
        if service is None:
            self._do("counters", Request(Command.ZERO))
        else:
            self._do(str(service), Request(Command.ZERO, requests.service_key(service)))

    def flush(self) -> None:
        self._do("services", Request(Command.FLUSH))

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """0 keeps the present one. A connection takes a new one with its next packet."""
        self._do("timeouts", requests.set_timeouts(timeouts), refusals.TIMEOUTS)

    def start_sync(self, daemon: SyncDaemon) -> None:
        self._do(f"{daemon.role} sync daemon", requests.start_sync(daemon), refusals.SYNC)

    def stop_sync(self, role: SyncRole) -> None:
        self._do(f"{role} sync daemon", requests.stop_sync(role), refusals.SYNC)

    # Netlink

    def _find(self, key: ServiceKey) -> ServiceView | None:
        request = Request(Command.GET_SERVICE, requests.service_key(key))
        try:
            return self._get(request, replies.read_service)
        except Refused as refused:
            if refused.errno == errno.ESRCH:
                return None
            raise

    def _with_destinations(self, view: ServiceView) -> ServiceView:
        request = Request(Command.GET_DEST, requests.service_key(view.key))
        found = self._dump(request, replies.read_destination_view)
        return replace(view, destinations=tuple(found))

    def _get(self, request: Request, read: Callable[[bytes], Value]) -> Value:
        with explained("IPVS"):
            (reply,) = self._netlink.request(request)
            return read(reply)

    def _dump(self, request: Request, read: Callable[[bytes], Value]) -> list[Value]:
        with explained("IPVS"):
            return [read(reply) for reply in self._netlink.dump(request)]

    def _do(self, subject: str, request: Request, known: Mapping[int, str] = {}) -> None:
        with explained(subject, known):
            self._netlink.request(request)


def connect() -> GenericNetlink:
    """A socket for IPVS, whose module ip_vs is loaded if need be.

    `Refused` says ENOPROTOOPT if there is no IPVS to be had, EPERM without CAP_NET_ADMIN.
    """
    with explained("IPVS"):
        try:
            netlink = GenericNetlink(family.NAME)
        except NetlinkError as error:
            if error.errno != errno.ENOENT:
                raise
            netlink = _after_loading()
        try:
            netlink.request(Request(Command.GET_INFO))
        except NetlinkError:
            netlink.close()
            raise
    return netlink


def _after_loading() -> GenericNetlink:
    problem = modules.load("ip_vs")
    try:
        return GenericNetlink(family.NAME)
    except NetlinkError:
        why = problem or "its module ip_vs loads, but does not serve this network namespace"
        raise Refused(errno.ENOPROTOOPT, f"this kernel has no IPVS: {why}") from None


def refused_step(step: Step, error: NetlinkError) -> Refused:
    """The kernel's refusal of a step, explained."""
    reason = refusals.why(step, error.errno)
    return Refused(error.errno, f"{refusals.what(step)}: {reason}{_quoted(error)}")


@contextmanager
def explained(subject: str, known: Mapping[int, str] = {}) -> Iterator[None]:
    """Errors of netlink as those of a dataplane."""
    try:
        yield
    except NetlinkError as error:
        reason = refusals.explain(error.errno, known)
        raise Refused(error.errno, f"{subject}: {reason}{_quoted(error)}") from error
    except Malformed as error:
        raise DataplaneError(f"{subject}: the kernel's answer makes no sense: {error}") from error


def _quoted(error: NetlinkError) -> str:
    return f" (the kernel says: {error.text})" if error.text else ""

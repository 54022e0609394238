"""What other directors are told of the connections here, and what is entered of theirs.

Nobody asks the packet path: the table is read once a second and compared with what was told
last. A connection is told again when its state or server has changed, or when its expiry has
moved so far that a backup's entry, which sees no packets, would be behind by an eighth of its
life. IPVS tells by packet counts instead (ipvs-semantics 4.10); the records are the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trimaran.dataplane import sctp, states
from trimaran.dataplane.base import TcpState
from trimaran.dataplane.xdp import layout, libbpf
from trimaran.dataplane.xdp.addresses import address_in, stored
from trimaran.dataplane.xdp.capacity import SLOTS
from trimaran.dataplane.xdp.records import connected_server, template_server
from trimaran.dataplane.xdp.tables import Records, Tables, destination_of, state_of
from trimaran.model.ip import IPAddress
from trimaran.model.service import Protocol, ServerKey, ServiceKey
from trimaran.sync.record import Flag, Record

Destinations = Mapping[tuple[ServiceKey, ServerKey], int]
"""The destinations that are there, by record number."""

_SLOTS_AT_A_TIME: Final = 1 << 16
_BEHIND: Final = 8
_TEMPLATE_SECONDS: Final = 180
"""What IPVS gives a template of a director that does not say for how long it lives."""
_FORWARDING: Final = 3
_ONE_WAY: Final = 61
_PHASE_LIVE: Final = np.uint64(layout.PHASE_LIVE)
_PHASE_SHIFT: Final = np.uint64(layout.PHASE_SHIFT)
_STATE_SHIFT: Final = np.uint64(layout.STATE_SHIFT)
_TICK: Final = np.uint64(0xFFFFFFFF)
_RETIRED: Final = np.uint64(layout.KIND_RETIRED)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)

_TOLD: Final = (
    TcpState.ESTABLISHED,
    TcpState.FIN_WAIT,
    TcpState.CLOSE,
    TcpState.CLOSE_WAIT,
    TcpState.TIME_WAIT,
    states.UDP_STATE,
    *(states.SCTP_FIRST + state for state in sctp.SctpState if state >= sctp.SctpState.ESTABLISHED),
    *states.TEMPLATE_NAMES,
)
_PROTOCOLS: Final = {protocol.number: protocol for protocol in Protocol}


class Told:
    """What was told of each entry of the connection tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._of_version = {version: _ToldOf(tables, version) for version in tables.buckets}

    def changes(self) -> Iterator[Record]:
        """Connections that others should be told of now, each marked as told when it is taken."""
        if len(self._tables.flows6) != self._of_version[6].slots:
            self._of_version[6] = _ToldOf(self._tables, 6)  # it has grown
        for of_version in self._of_version.values():
            yield from of_version.changes()

    def forget(self) -> None:
        """Everything is to be told again."""
        for of_version in self._of_version.values():
            of_version.forget()


class _ToldOf:
    """The same of one version of IP."""

    def __init__(self, tables: Tables, version: int) -> None:
        self._tables = tables
        self._version = version
        self.slots = SLOTS * tables.buckets[version]
        self._key = np.zeros(self.slots, dtype=np.uint64)
        self._control = np.zeros(self.slots, dtype=np.uint64)

    def changes(self) -> Iterator[Record]:
        told = np.zeros(layout.STATES, dtype=bool)
        told[list(_TOLD)] = True
        behind = self._tables.live["lifetime"] // _BEHIND
        now = np.uint64(int(self._tables.tick()))
        for first in range(0, len(self._control), _SLOTS_AT_A_TIME):
            rows = slice(first, first + _SLOTS_AT_A_TIME)
            entries = self._tables.fields()[self._version][rows]
            flows = self._flows()[rows]
            control = flows["control"].copy()
            state = control >> _STATE_SHIFT & np.uint64(layout.STATES - 1)
            left = (control - now).astype(np.uint32).astype(np.int32)
            live = (control >> _PHASE_SHIFT == _PHASE_LIVE) & (left > 0) & told[state]
            live &= flows["transport"] & _RETIRED == 0
            template = np.isin(state, list(states.TEMPLATE_NAMES))
            late = np.where(template, flows["timeout"] // _BEHIND, behind[state])
            key = (flows["addresses"] * _MIX) ^ flows["transport"]
            before = self._control[rows]
            moved = (control - before).astype(np.uint32).astype(np.int32)
            due = live & (
                (key != self._key[rows]) | (control & ~_TICK != before & ~_TICK) | (moved > late)
            )
            (chosen,) = np.nonzero(due)
            if not len(chosen):
                continue
            self._key[first + chosen] = key[chosen]
            self._control[first + chosen] = control[chosen]
            # A copy, like `control`: packets go on meanwhile.
            yield from self._records(entries[chosen], control[chosen])

    def _flows(self) -> Records:
        flows6: Records = self._tables.flows6["flow"]
        return self._tables.flows if self._version == 4 else flows6

    def forget(self) -> None:
        self._key[:] = 0

    def _records(self, entries: Records, control: NDArray[np.uint64]) -> Iterator[Record]:
        addresses = [_addresses(entries[side], self._version) for side in ("client", "virtual")]
        numbers = [
            entries[name].tolist()
            for name in ("client_port", "virtual_port", "protocol", "timeout")
        ]
        for entry in zip(*addresses, *numbers, control.tolist(), strict=True):
            client, virtual, client_port, virtual_port, protocol, timeout, word = entry
            state, destination = state_of(word), destination_of(word)
            if state in states.TEMPLATE_NAMES:
                first = states.TEMPLATE_FIRST
                flags = _template_flags(int(self._tables.destinations["forwarding"][destination]))
                server = template_server(self._tables, destination, virtual_port)
            else:
                first = states.FIRST_STATE[_PROTOCOLS[protocol]]
                timeout = int(self._tables.live["lifetime"][state])
                flags = Flag(word >> layout.FORWARDING_SHIFT & _FORWARDING)
                if word >> _ONE_WAY & 1:
                    flags |= Flag.NO_OUTPUT
                if state not in states.ACTIVE:
                    flags |= Flag.INACTIVE
                server = connected_server(self._tables, destination, virtual_port)
            yield Record(
                protocol=protocol,
                flags=flags,
                state=state - first,
                client=client,
                client_port=client_port,
                virtual=virtual,
                virtual_port=virtual_port,
                server=server.address,
                server_port=server.port,
                timeout=timeout // layout.TICKS_PER_SECOND,
            )


def _addresses(column: Records, version: int) -> list[IPAddress]:
    if version == 4:
        return [IPv4Address(number) for number in column.tolist()]
    return [address_in(field, version) for field in column]


def _template_flags(forwarding: int) -> Flag:
    flags = Flag(forwarding) | Flag.INACTIVE | Flag.TEMPLATE
    return flags if forwarding == Flag.MASQUERADING else flags | Flag.NO_OUTPUT


def enter(
    tables: Tables, program: int, records: Iterable[Record], destinations: Destinations
) -> int:
    """Enter connections that other directors have; how many could be.

    Left out are those whose service or server is not configured here.
    `program`: descriptor of the program `enter`.
    """
    newcomers = [
        newcomer
        for record in records
        if (newcomer := _newcomer(tables, record, destinations)) is not None
    ]
    entered = 0
    for first in range(0, len(newcomers), layout.NEWCOMERS):
        batch = newcomers[first : first + layout.NEWCOMERS]
        tables.newcomers[: len(batch)] = np.array(batch, dtype=layout.NEWCOMER)
        request = np.array((len(batch), 0), dtype=layout.ENTERING)
        answer = libbpf.run(program, context=request.tobytes()).context
        entered += int(np.frombuffer(answer, dtype=layout.ENTERING)[0]["entered"])
    return entered


def _newcomer(
    tables: Tables, record: Record, destinations: Destinations
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int, int, int, int] | None:
    """The fields of `layout.NEWCOMER`."""
    protocol = _PROTOCOLS.get(record.protocol)
    if protocol is None or record.flags & Flag.NO_CLIENT_PORT:
        return None
    destination = _find(record, protocol, destinations)
    if destination is None:
        return None
    if record.is_template:
        kind, state = layout.KIND_TEMPLATE, states.TEMPLATE_FIRST + record.state
        life = _TEMPLATE_SECONDS * layout.TICKS_PER_SECOND
    else:
        kind, state = 0, states.FIRST_STATE[protocol] + record.state
        life = int(tables.live["lifetime"][state])
    if record.timeout:
        life = min(record.timeout * layout.TICKS_PER_SECOND, 0x7FFFFFFF)
    ports = record.client_port.to_bytes(2, "big") + record.virtual_port.to_bytes(2, "big")
    control = (
        layout.PHASE_LIVE << layout.PHASE_SHIFT
        | bool(record.flags & Flag.NO_OUTPUT) << _ONE_WAY
        | state << layout.STATE_SHIFT
        | int(tables.destinations["forwarding"][destination]) << layout.FORWARDING_SHIFT
        | destination << layout.DESTINATION_SHIFT
        | life
    )
    return (
        stored(record.client),
        stored(record.virtual),
        kind | record.protocol << 32 | int.from_bytes(ports, "little"),
        control,
        life,
        record.virtual.version,
    )


def _find(record: Record, protocol: Protocol, destinations: Destinations) -> int | None:
    """The record's destination: of its port's service, else of that of all ports."""
    for port, server_port in (
        (record.virtual_port, record.server_port),
        (0, record.server_port),
        (0, 0),
    ):
        service = ServiceKey(protocol, record.virtual, port)
        found = destinations.get((service, ServerKey(record.server, server_port)))
        if found is not None:
            return found
    return None

"""What happens to the two dataplanes: a random history of changes and frames, by its seed.

LEFT_OUT says what is never in it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import packets
from families import FOUR, Family
from packets import ACK, FIN, RST, SYN, Endpoints

from trimaran.dataplane.base import (
    FALLBACK,
    HASH_PORT,
    NO_FLAGS,
    Behaviour,
    Destination,
    Persistence,
    Settings,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.dataplane.xdp.limits import SCHEDULERS
from trimaran.model.service import Forwarding, Protocol, ServiceKey

LEFT_OUT = {
    "firewall marks, persistence engines": "not served by XDP (limits.py)",
    "persistence of UDP, edited persistence": "differ on purpose (docs/ipvs-differences.md)",
    "the end of templates": "decided otherwise (docs/ipvs-differences.md)",
    "drop_packet": "the kernel's count of candidates goes on from before",
    "twos": "not in Debian's kernel; random besides",
    "the last service's end": "an anchor stays: without services IPVS has no hooks",
    "services of port 0 and 21": "IPVS takes other ports' packets for them; XDP's are exact",
    "fragments, and packets too big without DF": "differ on purpose (docs/ipvs-differences.md)",
    "replies of direct routing or tunnels": "seen by IPVS only (docs/ipvs-differences.md)",
    "servers that are the director": "IPVS sees its own answers (docs/ipvs-differences.md)",
    "another method for a known server": "IPVS sends it a wrong way (ipvs-semantics 1.8, quirk)",
    "the same real server behind two services of one protocol": "replies: "
    "docs/ipvs-differences.md, the row on connections that differ in the VIP or its port alone",
}

KERNEL_SCHEDULERS = tuple(name for name in SCHEDULERS if name != "twos")
LASTS = range(101, 108)
_TCP_STARTS = (SYN, SYN, SYN, SYN | ACK, SYN | FIN)
_TCP_LIKELY = (SYN, ACK, ACK, ACK, FIN | ACK, RST, RST | ACK, 0)
_METHODS = (
    (Forwarding.DIRECT_ROUTING, Tunnel()),
    (Forwarding.DIRECT_ROUTING, Tunnel()),
    (Forwarding.MASQUERADING, Tunnel()),
    (Forwarding.MASQUERADING, Tunnel()),
    (Forwarding.TUNNEL, Tunnel()),
    (Forwarding.TUNNEL, Tunnel(TunnelType.GRE)),
    (Forwarding.TUNNEL, Tunnel(TunnelType.GRE, checksum=TunnelChecksum.FULL)),
    (Forwarding.TUNNEL, Tunnel(TunnelType.GUE, 6080)),
    (Forwarding.TUNNEL, Tunnel(TunnelType.GUE, 6080, TunnelChecksum.FULL)),
    (Forwarding.TUNNEL, Tunnel(TunnelType.GUE, 6080, TunnelChecksum.REMOTE)),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that comes to the director."""

    what: str
    data: bytes = field(repr=False)
    conversation: int | None = None

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Zero:
    """Counters to zero: a service's, or all."""

    service: ServiceKey | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence, in seconds. Two and a bit, and IPVS has its counters folded (5.3)."""

    seconds: float


Event = Step | Timeouts | Behaviour | Frame | Zero | Wait
FOLD = Wait(2.3)


@dataclass(slots=True)
class _Service:
    settings: Settings
    here: dict[int, Destination] = field(default_factory=dict)
    """By the last byte of the server's address."""


@dataclass(frozen=True, slots=True)
class _Conversation:
    key: ServiceKey
    ends: Endpoints


class History:
    """The events of a seed. `number` gives it ports of its own.

    The judge tells where frames went (`went_to`), so that servers there can answer.
    """

    def __init__(
        self, seed: int, number: int, *, family: Family = FOUR, short_lived: bool = False
    ) -> None:
        self.family = family
        self._chance = random.Random(seed)
        self._first_port = 1024 + number % 6000 * 8
        self._short_lived = short_lived
        self._services: dict[ServiceKey, _Service] = {}
        self._persistence: dict[ServiceKey, Persistence] = {}
        self._gone: set[tuple[ServiceKey, int]] = set()
        """Removed before their service was, perhaps with counts that IPVS had not folded: with a
        new service these come back (5.3), so such servers do not."""
        self._deleted: dict[ServiceKey, Settings] = {}
        self._methods: dict[tuple[ServiceKey, int], tuple[Forwarding, Tunnel]] = {}
        self._conversations: list[_Conversation] = []
        self._servers: dict[int, int] = {}

    def went_to(self, conversation: int, last: int) -> None:
        """Its last frame went to this server."""
        self._servers[conversation] = last

    def events(self, length: int) -> Iterator[Event]:
        yield from self._begin()
        deletion = self._chance.randrange(2 * length)
        for number in range(length):
            if number == deletion and self._services:
                yield FOLD  # else the unfolded part comes back with the service (5.3)
                key = self._chance.choice(list(self._services))
                service = self._services.pop(key)
                known = {last for other, last in self._methods if other == key}
                self._gone |= {(key, last) for last in known - service.here.keys()}
                self._deleted[key] = service.settings
                yield DeleteService(key)
            yield from self._event()

    def _begin(self) -> Iterator[Event]:
        yield Behaviour(
            conn_reuse_mode=self._chance.choice([0, 1, 1, 1, 2, 3]),
            expire_nodest_conn=int(self._chance.random() < 0.2),
            expire_quiescent_template=self._chance.randrange(2),
            sloppy_tcp=int(self._chance.random() < 0.2),
            secure_tcp=3 * int(self._chance.random() < 0.2),
        )
        if self._short_lived:
            yield Timeouts(*(self._chance.randrange(2, 6) for _ in range(3)))
        protocols = [Protocol.TCP, Protocol.UDP, Protocol.SCTP, Protocol.TCP, Protocol.TCP]
        for place, protocol in enumerate(protocols):
            key = ServiceKey(protocol, self.family.vip, self._first_port + place)
            if (
                protocol is not Protocol.UDP
                and not self._short_lived
                and self._chance.random() < 0.3
            ):
                netmask = self._chance.choice(self.family.netmasks)
                self._persistence[key] = Persistence(self._chance.choice([100, 360]), netmask)
            yield from self._add_service(key, self._settings(key))

    def _add_service(self, key: ServiceKey, settings: Settings) -> Iterator[Event]:
        self._services[key] = _Service(settings)
        yield AddService(key, settings)
        for last in self._chance.sample(LASTS, self._chance.randrange(1, 6)):
            yield self._add(key, last)

    def _settings(self, key: ServiceKey) -> Settings:
        scheduler = self._chance.choice(KERNEL_SCHEDULERS)
        flags = NO_FLAGS
        if scheduler in ("sh", "mh"):
            flags = self._chance.choice([NO_FLAGS, FALLBACK, HASH_PORT, FALLBACK | HASH_PORT])
        udp = key.protocol is Protocol.UDP
        one_packet = udp and self._chance.random() < 0.3
        return Settings(scheduler, flags, self._persistence.get(key), one_packet)

    def _destination(self, key: ServiceKey, last: int) -> Destination:
        """With its own method and, masqueraded, its own port, and weight and limits of chance."""
        identity = key, last
        forwarding, tunnel = self._methods.setdefault(identity, self._chance.choice(_METHODS))
        masqueraded = forwarding is Forwarding.MASQUERADING
        port = key.port + (8 * (last - 100) if masqueraded and last % 2 else 0)
        weight = self._chance.choice([0, 1, 1, 1, 2, 3, 7, 100])
        upper = lower = 0
        if self._chance.random() < 0.25:
            upper = self._chance.randrange(1, 7)
            lower = self._chance.randrange(0, upper + 1)
        return Destination(self.family.server(last, port), weight, forwarding, upper, lower, tunnel)

    def _add(self, key: ServiceKey, last: int) -> AddDestination:
        destination = self._destination(key, last)
        self._services[key].here[last] = destination
        return AddDestination(key, destination)

    def _event(self) -> Iterator[Event]:
        draw = self._chance.random()
        if draw < 0.30 or not self._conversations:
            yield self._first_frame()
        elif draw < 0.78:
            yield self._next_frame()
        elif draw < 0.82:
            yield self._stray()
        elif draw < 0.985:
            yield self._change()
        elif draw < 0.99:
            yield FOLD
            yield Zero(self._chance.choice([None, *self._services]))
        elif self._short_lived:
            yield Wait(self._chance.uniform(0.5, 6))
        else:
            yield Timeouts(*(self._chance.choice([0, 40, 700]) for _ in range(3)))

    def _change(self) -> Event:
        """Of configuration; some that are refused."""
        key = self._chance.choice([*self._services, *self._deleted])
        if key in self._deleted:
            if self._chance.random() < 0.5:
                self._services[key] = _Service(self._deleted.pop(key))
                return AddService(key, self._services[key].settings)
            absent: list[Event] = [
                DeleteService(key),
                AddDestination(key, self._destination(key, 101)),
                EditService(key, self._settings(key)),
            ]
            return self._chance.choice(absent)
        here = self._services[key].here
        lasts = [last for last in LASTS if (key, last) not in self._gone] or [LASTS[0]]
        draw = self._chance.random()
        if draw < 0.08:
            settings = self._settings(key)
            self._services[key].settings = settings
            return EditService(key, settings)
        if draw < 0.1:
            return AddService(key, self._settings(key))
        last = self._chance.choice(lasts)
        if draw < 0.4 or not here:
            return (
                AddDestination(key, self._destination(key, last))
                if last in here
                else self._add(key, last)
            )
        if draw < 0.42:
            bad = replace(self._destination(key, last), upper_threshold=2, lower_threshold=3)
            return EditDestination(key, bad)
        if draw < 0.8:
            last = self._chance.choice([last, *here])
            return EditDestination(key, self._destination(key, last))
        last = self._chance.choice([last, *here])
        gone = here.pop(last, None) or self._destination(key, last)
        return DeleteDestination(key, gone.key)

    # Frames

    def _first_frame(self) -> Frame:
        key = self._chance.choice([*self._services, *self._services, *self._deleted])
        client = self.family.clients.format(
            self._chance.randrange(3), self._chance.randrange(1, 30)
        )
        port = 20 if self._chance.random() < 0.03 else self._chance.randrange(1024, 60000)
        conversation = _Conversation(key, Endpoints(client, port, str(key.address), key.port))
        self._conversations.append(conversation)
        return self._inwards(len(self._conversations) - 1, first=True)

    def _next_frame(self) -> Frame:
        recent = len(self._conversations) - self._chance.choice([3, 10, 1000])
        number = self._chance.randrange(max(0, recent), len(self._conversations))
        draw = self._chance.random()
        last = self._servers.get(number)
        forwarding, _ = self._methods.get(
            (self._conversations[number].key, last or 0), (Forwarding.DIRECT_ROUTING, Tunnel())
        )
        if last and forwarding is Forwarding.MASQUERADING and draw < 0.5:
            return self._outwards(number, last)
        if draw > 0.95:
            return self._error_inwards(number)
        return self._inwards(number)

    def _inwards(self, number: int, *, first: bool = False) -> Frame:
        conversation = self._conversations[number]
        what, transport = self._transport(conversation.key, conversation.ends, first=first)
        return self._frame(number, conversation.key, conversation.ends, what, transport)

    def _outwards(self, number: int, last: int) -> Frame:
        conversation = self._conversations[number]
        ends = self._answering(conversation, last)
        if self._chance.random() < 0.06:
            return self._error(f"server {last}", ends.source, conversation.key, ends.reversed())
        what, transport = self._transport(conversation.key, ends)
        return self._frame(None, conversation.key, ends, what, transport)

    def _answering(self, conversation: _Conversation, last: int) -> Endpoints:
        key, client = conversation.key, conversation.ends
        port = key.port + (8 * (last - 100) if last % 2 else 0)
        return Endpoints(
            str(self.family.server(last).address), port, client.source, client.source_port
        )

    def _error_inwards(self, number: int) -> Frame:
        """From a router on the client's side, about what the service sent."""
        conversation = self._conversations[number]
        ends = conversation.ends.reversed()
        return self._error("router", self.family.router, conversation.key, ends, self._ttl())

    def _error(
        self, who: str, source: str, key: ServiceKey, about: Endpoints, ttl: int = 64
    ) -> Frame:
        """An ICMP error, to the source of the packet that it is about."""
        kind, code = self._chance.choice(self.family.errors)
        _, transport = self._transport(key, about)
        quoted = self.family.packet(transport, key.protocol.number, about)
        quoted = quoted[: self._chance.choice([len(quoted) - len(transport) + 8, 600])]
        ends = Endpoints(source, 0, about.source, 0)
        message = self.family.error(kind, code, quoted, ends)
        packet = self.family.packet(message, self.family.icmp, ends, ttl)
        what = f"{key} {who}: ICMP {kind}/{code} about {about}"
        return Frame(what, self.family.framed(packet, ends))

    def _transport(
        self, key: ServiceKey, ends: Endpoints, *, first: bool = False
    ) -> tuple[str, bytes]:
        size = self._chance.choice([0, 0, 0, 1, 10, 100, self.family.big])
        data = b"d" * size
        if key.protocol is Protocol.UDP:
            return f"{size} bytes", packets.udp(ends, data)
        if key.protocol is Protocol.SCTP:
            chunks = [self._chance.choice([*range(16), 192])]
            if first and self._chance.random() < 0.8:
                chunks = [1]
            if self._chance.random() < 0.1:
                chunks.append(6)
            if self._chance.random() < 0.03:
                chunks = []
            return f"chunks {chunks}", packets.association(ends, chunks)
        flags = self._chance.choice([*_TCP_LIKELY, self._chance.randrange(64)])
        if first and self._chance.random() < 0.9:
            flags = self._chance.choice(_TCP_STARTS)
        letters = "".join(name for bit, name in enumerate("FSRPAU") if flags >> bit & 1)
        return f"flags {letters or '-'}, {size} bytes", packets.tcp(ends, flags, data)

    def _frame(
        self,
        conversation: int | None,
        key: ServiceKey,
        ends: Endpoints,
        what: str,
        transport: bytes,
    ) -> Frame:
        ttl = self._ttl()
        dont_fragment = len(transport) > 800 or self._chance.random() < 0.7
        packet = self.family.packet(transport, key.protocol.number, ends, ttl, df=dont_fragment)
        df = " DF" if dont_fragment else ""
        label = (
            f"{key.protocol} {ends.source}:{ends.source_port} > {ends.target}:{ends.target_port} "
            f"{what}, TTL {ttl}{df}"
        )
        return Frame(label, self.family.framed(packet, ends), conversation)

    def _ttl(self) -> int:
        return self._chance.choice([1, 2, 255, *[64] * 20])

    def _stray(self) -> Frame:
        """For no service: the director's own business."""
        source, port = self.family.stray, self._chance.randrange(1024, 60000)
        ends = Endpoints(source, port, str(self.family.vip), 7)
        number, transport = self._chance.choice(
            [
                (6, packets.tcp(ends, SYN)),
                (17, packets.udp(ends)),
                (self.family.icmp, self.family.ping(1, 1, ends)),
            ]
        )
        packet = self.family.packet(transport, number, ends)
        return Frame(f"stray: protocol {number}", self.family.framed(packet, ends))

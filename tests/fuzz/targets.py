"""What is fuzzed: each reader of foreign bytes, as a function that must not raise.

`corpus/NAME/` has the inputs to begin with. `fuzz.py` feeds them, and what atheris makes of them.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from trimaran.bfd import events as bfd_events
from trimaran.bfd import packet as bfd_packet
from trimaran.bfd.machine import Machine as BfdMachine
from trimaran.conf import Memory, Surroundings, load
from trimaran.dataplane.ipvs import replies
from trimaran.dataplane.ipvs.attributes import Malformed
from trimaran.dataplane.ipvs.netlink import messages
from trimaran.health import dns, http, ping, smtp, udp
from trimaran.health.verdict import Verdict
from trimaran.model.address import VirtualAddress
from trimaran.model.bfd import BfdSession
from trimaran.model.check import DnsCheck, PingCheck, Regex, SmtpCheck, UdpCheck, Url
from trimaran.model.duration import SECOND
from trimaran.model.router import VirtualRouter
from trimaran.sync import datagram
from trimaran.views.diagnostics import results_json
from trimaran.views.effective import effective_text
from trimaran.vrrp import events as vrrp_events
from trimaran.vrrp import packet as vrrp_packet
from trimaran.vrrp.machine import Machine as VrrpMachine

_HERE, _THERE = IPv4Address("192.168.1.101"), IPv4Address("192.168.1.102")
_HERE6, _THERE6 = IPv6Address("fe80::1"), IPv6Address("fe80::2")
_VIP = VirtualAddress(IPv4Address("192.168.1.10"), 24, "eth1")
_QUERY = dns.query(DnsCheck(_THERE, 53, name="www.example."), 7)
_URLS = (
    Url("/"),
    Url("/", digest="0" * 32),
    Url("/", regex=Regex("(a|b)*c")),
    Url("/", regex=Regex("^.*$", True, ("utf", "dotall"), 3, 5)),
)


class _Itself:
    """A world in which each file that is included holds what is being read."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def find(self, pattern: str) -> list[str]:
        return [pattern]

    def read(self, name: str) -> bytes:
        return self._text


def configuration(data: bytes) -> None:
    """What is read can be shown, what is in force can be read again, and one who remembers an
    earlier file finds the same."""
    around = Surroundings(_Itself(data), "lb1")
    result = load(data, "f", around)
    memory = Memory()
    for earlier in (data[: data.rfind(b"virtual_server")], data + b"\n$N=1", data):
        load(earlier, "f", around, memory)
    assert load(data, "f", around, memory) == result
    assert results_json({"f": result})
    if result.config is not None and result.said is not None:
        assert effective_text(result.said, result.config)


def vrrp(data: bytes) -> None:
    """As a datagram of either version, told to a backup and to a master."""
    found = [vrrp_packet.decode(data)]
    if data:
        found.append(vrrp_packet.decode_ipv6(data[1:], _THERE6, _HERE6, data[0]))
    for version in (2, 3):
        router = VirtualRouter("r", "eth1", 1, version=version, addresses=(_VIP,))
        machine = VrrpMachine(router)
        machine.handle(vrrp_events.InterfaceUp(_HERE), 0)
        machine.handle(vrrp_events.Started(), 0)
        for heard in found:
            machine.handle(heard, SECOND)
        machine.handle(vrrp_events.TimerExpired(), 100 * SECOND)
        for heard in found:
            machine.handle(heard, 101 * SECOND)


def bfd(data: bytes) -> None:
    """Packet after packet, told to one session."""
    machine = BfdMachine(BfdSession("s", _THERE), 1, lambda: 0.5)
    machine.handle(bfd_events.Started(), 0)
    for number, one in enumerate(_pieces(data), 1):
        heard = bfd_packet.decode(one)
        if isinstance(heard, bfd_packet.ControlPacket):
            assert bfd_packet.decode(bfd_packet.encode(heard)) == heard
            machine.handle(bfd_events.Received(heard, 255), number * SECOND)
        else:
            machine.handle(heard, number * SECOND)
        machine.handle(bfd_events.TimerExpired(), number * SECOND)


def http_answer(data: bytes) -> None:
    """At the end at the latest there is a verdict."""
    answer = http.Answer(_URLS[data[0] % len(_URLS)] if data else _URLS[0])
    for one in _pieces(data[1:]):
        if answer.take(one) is not None:
            return
    assert answer.take(b"") is not None


def smtp_answer(data: bytes) -> None:
    """The same."""
    conversation = smtp.Conversation(SmtpCheck(_THERE, 25))
    for one in _pieces(data):
        if isinstance(conversation.take(one), Verdict):
            return
    assert isinstance(conversation.take(b""), Verdict)


def dns_answer(data: bytes) -> None:
    """An answer to our query, or to another one."""
    whole = _QUERY.to_wire()
    for reply in (data, whole[:2] + data, whole[:2] + b"\x81\x80" + whole[4:] + data):
        dns.judge(_QUERY, reply)


def udp_answer(data: bytes) -> None:
    """Against a pattern of the data's own."""
    wanted = tuple((byte, byte ^ 0xF0) for byte in data[:8])
    assert udp.judge(UdpCheck(_THERE, 1, reply=wanted), data[4:]).up is not None


def ping_answer(data: bytes) -> None:
    """Of either version."""
    for address in (_THERE, _THERE6):
        assert ping.is_reply(PingCheck(address, 0), 7, data) in (True, False)


def synchronisation(data: bytes) -> None:
    """A datagram of connections; what was read can be written."""
    received = datagram.decode(data, 9)
    list(datagram.encode(received.records, 9, 1472))


def netlink(data: bytes) -> None:
    """Messages of the family IPVS, and each reply as each kind of it."""
    bodies = [data]
    with suppress(Malformed):
        bodies += [body for *_, body in messages(data)]
    readers = (
        *(replies.read_service, replies.read_destination, replies.read_destination_view),
        *(replies.read_sync_daemon, replies.read_timeouts, replies.read_info),
    )
    for body in bodies:
        for read in readers:
            with suppress(Malformed):
                read(body)


def _pieces(data: bytes) -> Iterator[bytes]:
    """What arrives at a time: each piece begins with its length."""
    while data:
        length = data[0] + 1
        yield data[1:length] or b"\0"
        data = data[length:]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "configuration": configuration,
    "vrrp": vrrp,
    "bfd": bfd,
    "http": http_answer,
    "smtp": smtp_answer,
    "dns": dns_answer,
    "udp": udp_answer,
    "ping": ping_answer,
    "synchronisation": synchronisation,
    "netlink": netlink,
}

"""A real server as a director on its segment sees it, asked about a VIP from outside.

Behind direct routing a packet for the VIP is sent to the real server's MAC. So is asked here: does
the real server say that it has the VIP (ARP; NDP for IPv6), which clients' packets would follow
past the directors; and does a service answer there, by the VIP. Behind an IPIP tunnel the question
comes in one, too.

All goes by a packet socket, beside the kernel's own tables: this host may hold the VIP itself.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

from trimaran.model.ip import IPAddress
from trimaran.net import frames
from trimaran.net.errors import NetError, explain

_ATTEMPTS = 3
_ATTEMPT_SECONDS = 0.4
_BATCH = 100
"""So many questions are asked in a row; then there is a pause."""
_PAUSE_SECONDS = 0.02
_ALL_PROTOCOLS = 0x0003
_FIRST_PORT, _PORTS = 33000, 30000
_REPLY = 2
_NEIGHBOUR_ADVERTISEMENT = 136


@dataclass(frozen=True, slots=True)
class Path:
    """How a real server is reached: out of `interface`, from our MAC and address, to `hop`."""

    interface: str
    mac: bytes
    source: IPAddress
    hop: bytes


class Question(NamedTuple):
    """To a server: who has the VIP? With a TCP port: does a service answer there?

    `tunnel`: it comes in IPIP, whatever the real server's link.
    """

    server: IPAddress
    vip: IPAddress
    port: int = 0
    tunnel: bool = False


class Answer(Enum):
    """What a server says: that the VIP is its own; that it takes, or refuses, a connection."""

    HAS_IT = "has it"
    ACCEPTS = "accepts"
    REFUSES = "refuses"


async def ask(
    paths: Mapping[IPAddress, Path], questions: Collection[Question]
) -> dict[Question, Answer]:
    """Ask, some times; what was answered within a second or so. Raises NetError.

    `paths`: one for each server. A connection that is accepted is reset at once.
    """
    asking = _Asking(paths, questions)
    try:
        return await asking.run()
    finally:
        asking.close()


class _Asking:
    def __init__(self, paths: Mapping[IPAddress, Path], questions: Collection[Question]) -> None:
        self._paths = paths
        self._answers: dict[Question, Answer] = {}
        ports = iter(random.sample(range(_FIRST_PORT, _FIRST_PORT + _PORTS), len(questions)))
        self._ports = {question: next(ports) for question in questions}
        # By what an answer is known: the VIP and who says that it has it; or our port.
        self._claims = {
            (question.vip, paths[question.server].hop): question
            for question in questions
            if not question.port
        }
        self._services = {port: question for question, port in self._ports.items() if question.port}
        self._sequence = random.getrandbits(31)
        try:
            self._socket = socket.socket(
                socket.AF_PACKET,
                socket.SOCK_RAW | socket.SOCK_NONBLOCK,
                socket.htons(_ALL_PROTOCOLS),
            )
        except OSError as error:
            raise NetError(f"cannot open a packet socket: {explain(error.errno or 0)}") from error

    async def run(self) -> dict[Question, Answer]:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._hear)
        for _ in range(_ATTEMPTS):
            open_questions = [each for each in self._ports if each not in self._answers]
            for number, question in enumerate(open_questions, start=1):
                self._send(self._paths[question.server], self._frame(question))
                if number % _BATCH == 0:
                    await asyncio.sleep(_PAUSE_SECONDS)
            if open_questions:
                await asyncio.sleep(_ATTEMPT_SECONDS)
        return self._answers

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _frame(self, question: Question) -> bytes:
        path, vip = self._paths[question.server], question.vip
        if question.port:
            return self._segment(question, frames.SYN, self._sequence)
        if vip.version == 4 and path.source.version == 4:
            return frames.arp_request(path.mac, path.source, vip, to=path.hop)
        assert vip.version == 6
        assert path.source.version == 6
        asked = frames.neighbour_solicitation(path.mac, path.source, vip)
        return frames.ethernet(path.hop, path.mac, frames.IPV6, asked)

    def _segment(self, question: Question, flags: int, sequence: int) -> bytes:
        path, port = self._paths[question.server], self._ports[question]
        packet = frames.tcp_segment(path.source, port, question.vip, question.port, flags, sequence)
        if question.tunnel:
            inner = frames.IPV6_IN_IP if question.vip.version == 6 else frames.IPIP
            packet = frames.datagram(path.source, question.server, inner, packet)
        return frames.ethernet(path.hop, path.mac, frames.kind_of(question.server), packet)

    def _send(self, path: Path, frame: bytes) -> None:
        try:
            self._socket.sendto(frame, (path.interface, 0))
        except BlockingIOError:
            pass  # it is asked again
        except OSError as error:
            reason = explain(error.errno or 0)
            raise NetError(f"cannot send on {path.interface}: {reason}") from error

    def _hear(self) -> None:
        for _ in range(_BATCH):
            try:
                frame, (_, _, direction, *_) = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an interface went away
            if direction == socket.PACKET_OUTGOING:
                continue
            for question, answer in self._heard(frame):
                self._answers[question] = answer

    def _heard(self, frame: bytes) -> Iterator[tuple[Question, Answer]]:
        """What a frame answers; it may be anything that comes in here."""
        kind, packet = int.from_bytes(frame[12:14], "big"), frame[14:]
        if kind == frames.ARP and len(packet) >= 28 and packet[6:8] == bytes((0, _REPLY)):
            claim = self._claims.get((ip_address(packet[14:18]), packet[8:14]))
        elif kind == frames.IPV6 and len(packet) >= 64 and packet[40] == _NEIGHBOUR_ADVERTISEMENT:
            claim = self._claims.get((ip_address(packet[48:64]), frame[6:12]))
        else:
            claim = None
            yield from self._heard_segment(kind, packet)
        if claim is not None:
            yield claim, Answer.HAS_IT

    def _heard_segment(self, kind: int, packet: bytes) -> Iterator[tuple[Question, Answer]]:
        if kind == frames.IPV4 and len(packet) >= 20 and packet[9] == frames.TCP:
            sender, segment = packet[12:16], packet[(packet[0] & 0xF) * 4 :]
        elif kind == frames.IPV6 and len(packet) >= 40 and packet[6] == frames.TCP:
            sender, segment = packet[8:24], packet[40:]
        else:
            return
        if len(segment) < 20:
            return
        port, our_port, _, acknowledged, _, flags = struct.unpack("!HHIIBB", segment[:14])
        question = self._services.get(our_port)
        if question is None or (question.vip.packed, question.port) != (sender, port):
            return
        if acknowledged != (self._sequence + 1) & 0xFFFFFFFF:
            return
        if flags & frames.RST:
            yield question, Answer.REFUSES
        elif flags & frames.SYN:
            path = self._paths[question.server]
            self._send(path, self._segment(question, frames.RST, acknowledged))
            yield question, Answer.ACCEPTS

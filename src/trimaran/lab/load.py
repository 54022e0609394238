"""Runs inside a client or a real server: paced UDP datagrams to VIPs, and who received them.

    python -m trimaran.lab.load send RATE VIP...
    python -m trimaran.lab.load receive VIP...

A client sends RATE datagrams in every second, at random instants of it as a crowd of clients
would; each VIP gets its share, from `FLOWS` ports. A datagram carries the instant when it was
sent, by which both sides count: what was sent to a VIP in a bin of time less what was received of
it is lost, exactly, however late the rest came.

It prints a line when it begins, and its `Tally` in the next when SIGTERM or `LONGEST` ends it.
"""

import contextlib
import os
import random
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from itertools import cycle
from operator import itemgetter
from types import FrameType

import msgspec

from trimaran.model.duration import MILLISECOND, SECOND

PORT = 9000
FLOWS = 8
"""Connections of a client to each VIP, so that every real server has some."""

BIN = 20 * MILLISECOND
"""The length of a bin: bin n begins n lengths after the start of CLOCK_MONOTONIC."""

FRAME_BYTES = 1442
"""A datagram on the wire, from its Ethernet header on: what a link's shaper counts."""

LONGEST = 600 * SECOND

_LATE = 20 * MILLISECOND  # a sender that is later, since the machine kept it waiting,
_CATCH_UP = 1.25  # makes up for it at this times RATE, so that no burst comes of it
_PAUSE = 0.002  # seconds between two looks of a receiver
_SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>; beyond the limit that a user has
_HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP
_INSTANT = struct.Struct("!Q")


class Bin(msgspec.Struct):
    """The datagrams that were sent to one VIP in one bin; the delay (ns) is of those received."""

    datagrams: int = 0
    delay: int = 0


class Tally(msgspec.Struct, frozen=True):
    """What one process sent or received: VIP → bin → its count."""

    vips: dict[str, dict[int, Bin]]


def _send(tally: Tally, rate: int, ended: Callable[[], bool]) -> None:
    flows = cycle([(vip, _connected(vip)) for _ in range(FLOWS) for vip in tally.vips])
    print(f"sending {rate} datagrams a second", flush=True)
    padding = bytes(FRAME_BYTES - _HEADERS - _INSTANT.size)
    begin = time.monotonic_ns()
    while not ended():
        for offset, (vip, flow) in sorted(
            ((random.randrange(SECOND), next(flows)) for _ in range(rate)), key=itemgetter(0)
        ):
            lateness = time.monotonic_ns() - begin - offset
            if lateness < 0:
                time.sleep(-lateness / SECOND)
            elif lateness > _LATE:
                time.sleep(1 / (_CATCH_UP * rate))
            if ended():
                return
            now = time.monotonic_ns()
            with contextlib.suppress(OSError):  # not sent, so lost: nobody has the VIP
                flow.send(_INSTANT.pack(now) + padding)
            tally.vips[vip].setdefault(now // BIN, Bin()).datagrams += 1
        begin += SECOND


def _receive(tally: Tally, ended: Callable[[], bool]) -> None:
    ends = [(bins, _bound(vip)) for vip, bins in tally.vips.items()]
    buffer = bytearray(2048)
    print(f"receiving for {len(ends)} VIPs", flush=True)
    while not ended():
        for bins, end in ends:
            with contextlib.suppress(BlockingIOError):
                while True:
                    end.recv_into(buffer)
                    (sent,) = _INSTANT.unpack_from(buffer)
                    count = bins.setdefault(sent // BIN, Bin())
                    count.datagrams += 1
                    count.delay += time.monotonic_ns() - sent
        time.sleep(_PAUSE)


def _connected(vip: str) -> socket.socket:
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.connect((vip, PORT))
    return flow


def _bound(vip: str) -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 4 << 20)
    end.bind((vip, PORT))
    end.setblocking(False)
    return end


def main(role: str, *words: str) -> None:
    """Send or receive until SIGTERM; see the module's head."""
    stopped = False
    latest = time.monotonic_ns() + LONGEST

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    with contextlib.suppress(OSError):  # so that other work does not make the traffic uneven
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    vips = words[1:] if role == "send" else words
    tally = Tally({vip: {} for vip in vips})
    if role == "send":
        _send(tally, int(words[0]), lambda: stopped or time.monotonic_ns() > latest)
    else:
        _receive(tally, lambda: stopped or time.monotonic_ns() > latest)
    sys.stdout.buffer.write(msgspec.json.encode(tally))


if __name__ == "__main__":
    main(*sys.argv[1:])

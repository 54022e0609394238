"""Runs inside a host of the lab: an ICMP echo request to an address each millisecond.

python echoes.py ADDRESS LOG: until it is interrupted. Meanwhile it prints a line for each VRRP
advertisement that it hears. In the end LOG has a line for each request: when it was sent
(nanoseconds of CLOCK_MONOTONIC), and 1 if it was answered.
"""

import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

_PERIOD = 1_000_000
_REQUEST, _REPLY = 8, 0
_VRRP = 112
_LAST_ANSWERS_SECONDS = 0.1


def main() -> None:
    address, log = sys.argv[1], Path(sys.argv[2])
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGINT, end)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(30))
    sent: list[int] = []
    answered: set[int] = set()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, _VRRP) as adverts,
    ):
        wire.setblocking(False)
        adverts.setblocking(False)
        group = socket.inet_aton("224.0.0.18") + b"\0" * 4
        index = struct.pack("i", socket.if_nametoindex("eth1"))
        adverts.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + index)
        due = time.monotonic_ns()
        while not ended:
            sent.append(time.monotonic_ns())
            with suppress(OSError):  # no route or neighbour: as good as lost
                wire.sendto(_echo(len(sent) - 1), (address, 0))
            _take(wire, answered)
            with suppress(BlockingIOError):
                sender = adverts.recvfrom(512)[1][0]
                print(f"{sent[-1]} {sender}", flush=True)
            due = max(due + _PERIOD, time.monotonic_ns() - 10 * _PERIOD)
            time.sleep(max(due - time.monotonic_ns(), 0) / 1e9)
        time.sleep(_LAST_ANSWERS_SECONDS)
        _take(wire, answered)
    lines = (f"{instant} {int(number in answered)}" for number, instant in enumerate(sent))
    log.write_text("\n".join(lines) + "\n")


def _echo(number: int) -> bytes:
    body = struct.pack("!HI", os.getpid() & 0xFFFF, number) + b"\0\0"
    total = (_REQUEST << 8) + sum(struct.unpack("!4H", body))
    total = (total & 0xFFFF) + (total >> 16)
    total += total >> 16
    return struct.pack("!BBH", _REQUEST, 0, ~total & 0xFFFF) + body


def _take(wire: socket.socket, answered: set[int]) -> None:
    while True:
        try:
            datagram = wire.recv(512)
        except BlockingIOError:
            return
        start = (datagram[0] & 15) * 4
        kind, _, _, process, number = struct.unpack_from("!BBHHI", datagram, start)
        if kind == _REPLY and process == os.getpid() & 0xFFFF:
            answered.add(number)


if __name__ == "__main__":
    main()

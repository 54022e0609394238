"""A client of `server_process`, which says what it saw, a line each.

Not a test. Arguments: the VIP, and
    wait                   returns once datagrams come back (the first ones may find no MAC address)
    transfer SIZE          sums of what it downloaded, and of what came of its upload
    echo SIZE...           for each, how many bytes of a datagram came back as they were sent
    probe SIZE             the path's MTU, once a datagram with DF did not fit
"""

import contextlib
import http.client
import socket
import sys
import time

from server_process import file_of, sum_of

HTTP, ECHO = 80, 53
PATIENCE_SECONDS = 20
# linux/in.h and linux/in6.h, which Python has not
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24


def transfer(vip: str, size: int) -> None:
    def ask(*request: object) -> bytes:
        connection = http.client.HTTPConnection(vip, HTTP, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request(*request)  # type: ignore[arg-type]
            return connection.getresponse().read()

    print(sum_of(ask("GET", "/")))
    print(ask("PUT", "/", file_of(size)).decode())


def connected(vip: str) -> socket.socket:
    """A socket for datagrams to the VIP."""
    *kind, _, address = socket.getaddrinfo(vip, ECHO, type=socket.SOCK_DGRAM)[0]
    datagrams = socket.socket(*kind)
    datagrams.connect(address)
    datagrams.settimeout(PATIENCE_SECONDS)
    return datagrams


def wait(vip: str) -> None:
    with connected(vip) as datagrams:
        datagrams.settimeout(0.2)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                datagrams.send(b"?")
                datagrams.recv(1)
                return
    sys.exit("no answer")


def echo(vip: str, sizes: list[int]) -> None:
    with connected(vip) as datagrams:
        for size in sizes:
            sent = file_of(size)
            datagrams.send(sent)
            print(size if datagrams.recv(65535) == sent else 0)


def probe(vip: str, size: int) -> None:
    with connected(vip) as datagrams:
        datagrams.settimeout(0.2)
        level = socket.IPPROTO_IPV6 if datagrams.family == socket.AF_INET6 else socket.IPPROTO_IP
        six = level == socket.IPPROTO_IPV6
        datagrams.setsockopt(level, IPV6_MTU_DISCOVER if six else IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                datagrams.send(bytes(size))
                datagrams.recv(65535)
            except TimeoutError:
                continue
            except OSError:  # EMSGSIZE
                break
        print(datagrams.getsockopt(level, IPV6_MTU if six else IP_MTU))


def main() -> None:
    vip, what, *sizes = sys.argv[1:]
    match what:
        case "wait":
            wait(vip)
        case "transfer":
            transfer(vip, int(sizes[0]))
        case "echo":
            echo(vip, list(map(int, sizes)))
        case "probe":
            probe(vip, int(sizes[0]))


if __name__ == "__main__":
    main()

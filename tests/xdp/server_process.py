"""A real server: answers GET with a file, PUT with the sum of what came, datagrams with themselves.

Not a test. Arguments: the file's size in bytes, the ports of TCP and UDP, and the address at which
datagrams are answered (with direct routing it must be the VIP).
"""

import hashlib
import http.server
import random
import socket
import sys
import threading


def file_of(size: int) -> bytes:
    """The file: as good as random, and always the same."""
    return random.Random(1).randbytes(size)


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and so of both versions of IP


class Answer(http.server.BaseHTTPRequestHandler):
    file = b""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._answer(self.file)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(sum_of(body).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def echo(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((address, port))
        while True:
            data, client = datagrams.recvfrom(65535)
            datagrams.sendto(data, client)


def main() -> None:
    size, tcp, udp = map(int, sys.argv[1:4])
    Answer.file = file_of(size)
    threading.Thread(target=echo, args=(sys.argv[4], udp), daemon=True).start()
    server = Server(("::", tcp), Answer)
    print("serves", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

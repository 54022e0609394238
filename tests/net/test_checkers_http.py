"""`HTTP_GET` and `SSL_GET` against servers: nginx, and some that mean harm."""

import asyncio
import hashlib
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from checked import FAST, LOOPBACK, answered, first_verdict, watched

from trimaran.model.check import Check, HttpCheck, Regex, Tls, Url
from trimaran.model.duration import MILLISECOND

PAGE = b"It works: web1\n"


def check(port: int, *urls: Url, timeout_ms: int = 500, **more: Any) -> HttpCheck:
    timeout = timeout_ms * MILLISECOND
    pages = urls or (Url("/"),)
    made = {"timing": FAST, "connect_timeout": timeout, "urls": pages} | more
    return HttpCheck(LOOPBACK, port, **made)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.pem, and www.pem with its key for www.example and 127.0.0.1."""
    directory = tmp_path_factory.mktemp("authority")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
    own = ("-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")
    names = "subjectAltName=DNS:www.example,IP:127.0.0.1"
    signed = ("-subj", "/CN=www", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", names)
    for name, more in (("ca", own), ("www", signed)):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        openssl(directory, "req", "-x509", *key, *files, "-days", "2", *more)
    return directory


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[tuple[int, int]]:
    """The ports of an nginx: HTTP, TLS. www.example has a page /only of its own."""
    directory = tmp_path_factory.mktemp("nginx")
    (directory / "index.html").write_bytes(PAGE)
    plain, tls = free_port(), free_port()
    certificate = f"ssl_certificate {authority}/www.pem; ssl_certificate_key {authority}/www.key;"
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/pid; error_log {directory}/log; worker_processes 1;"
        "user root; events {} http { access_log off;"
        f"client_body_temp_path {directory}; proxy_temp_path {directory};"
        f"fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};"
        f"server {{ listen 127.0.0.1:{plain} default_server; listen 127.0.0.1:{tls} ssl; "
        f"root {directory}; {certificate} location /agent {{ return 200 $http_connection; }}"
        "location /moved { return 302 /; } }"
        f"server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; {certificate} "
        "server_name www.example; location /only { return 200 $ssl_server_name; } }"
        "}"
    )
    server = subprocess.Popen(["nginx", "-c", directory / "nginx.conf", "-e", directory / "log"])
    try:
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", tls), 0.2).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (directory / "log").read_text()
                time.sleep(0.02)
        yield plain, tls
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (Url("/"), "up: /: status 200"),
        (Url("/absent"), "down: /absent: status 404"),
        (Url("/absent", status=((404, 404),)), "up: /absent: status 404"),
        (Url("/moved"), "down: /moved: status 302"),
        (Url("/", digest=hashlib.md5(PAGE).hexdigest()), "up: /: status 200"),
        (Url("/", digest="0" * 32), f"down: /: the digest is {hashlib.md5(PAGE).hexdigest()}"),
        (Url("/", regex=Regex("web[0-9]$")), "up: /: status 200"),
        (Url("/", regex=Regex("web2")), "down: /: the answer does not match the regex"),
        (Url("/only"), "down: /only: status 404"),
        (Url("/only", host="www.example"), "up: /only: status 200"),
    ],
)
def test_pages_of_nginx(nginx: tuple[int, int], url: Url, expected: str) -> None:
    where = f" at 127.0.0.1:{nginx[0]}"
    assert first_verdict(check(nginx[0], url)) == expected + where
    where = f" at 127.0.0.1:{nginx[1]}"
    assert first_verdict(check(nginx[1], url, tls=Tls())) == expected + where


@pytest.mark.parametrize("protocol", ["1.0", "1.0C", "1.0K", "1.1"])
def test_every_protocol(nginx: tuple[int, int], protocol: str) -> None:
    said = {"1.0": "", "1.0K": "keep-alive"}.get(protocol, "close")
    url = Url("/agent", regex=Regex(f"^{said}$"), host="a.example")
    assert first_verdict(check(nginx[0], url, protocol=protocol)).startswith("up")


def test_all_pages_must_be_good(nginx: tuple[int, int]) -> None:
    good, bad = Url("/"), Url("/absent")
    assert first_verdict(check(nginx[0], good, good)).startswith("up")
    assert first_verdict(check(nginx[0], good, bad)).startswith("down: /absent")


def test_server_name_indication(nginx: tuple[int, int]) -> None:
    url = Url("/only", host="www.example", regex=Regex("^www.example$"))
    named = check(nginx[1], url, tls=Tls("www.example"))
    assert first_verdict(named).startswith("up")
    assert first_verdict(check(nginx[1], url, tls=Tls())).startswith("down: /only: the answer")


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (Tls("www.example", True, "ca.pem"), "up: /: status 200"),
        (Tls("", True, "ca.pem"), "up: /: status 200"),
        (Tls("other.example", True, "ca.pem"), "down: its certificate is not good: Hostname"),
        (Tls("www.example", True), "down: its certificate is not good: unable to get"),
        (Tls("other.example"), "up: /: status 200"),
    ],
)
def test_certificates(nginx: tuple[int, int], authority: Path, tls: Tls, expected: str) -> None:
    if tls.authorities:
        tls = replace(tls, authorities=str(authority / tls.authorities))
    assert first_verdict(check(nginx[1], tls=tls)).startswith(expected)


def test_a_file_of_authorities_that_is_not_there_says_nothing_of_the_server(
    nginx: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        lost = Tls("", True, "/nonexistent/ca.pem")
        async with watched(check(nginx[1], tls=lost)) as server:
            await asyncio.sleep(0.4)
            assert server.now() == "unknown: not checked yet"

    asyncio.run(work())
    assert "cannot use /nonexistent/ca.pem" in caplog.text


def test_no_tls_there(nginx: tuple[int, int]) -> None:
    said = first_verdict(check(nginx[0], tls=Tls()))
    assert said.startswith("down: TLS handshake failed: wrong version number"), said


def test_nobody_there() -> None:
    said = first_verdict(check(free_port()))
    assert said.startswith("down: connection refused")


# Servers that mean harm


async def _request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(10)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)


async def stops_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhello")
    await asyncio.sleep(10)


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(chunked: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    writer.write(b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n")
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n" if chunked else bytes(65536)
    for _ in range(2**30 // 65536):
        writer.write(chunk)
        await writer.drain()


async def endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"A: b\r\n" * 1000)
        await writer.drain()


async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await asyncio.sleep(10)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (silent, "down: connected, but is silent for 0.5 s"),
        (hangs_up, "down: /: no answer, the server hung up"),
        (stops_in_the_middle, "down: connected, but is silent for 0.5 s"),
        (drips, "down: not done within 2 s"),
        (partial(floods, False), "up: /: status 200"),
        (partial(floods, True), "up: /: status 200"),
        (endless_header, "down: /: the answer is not HTTP"),
        (babbles, "down: /: the answer is not HTTP: illegal status line"),
    ],
)
def test_harm(handler: Any, expected: str) -> None:
    assert answered(handler, check).startswith(expected)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_gigabyte_with_a_digest_is_bounded(chunked: bool) -> None:
    url = Url("/", digest="0" * 32)
    make: Callable[[int], Check] = lambda port: check(port, url, timeout_ms=10_000)  # noqa: E731
    said = answered(partial(floods, chunked), make, seconds=15)
    assert said.startswith("down: /: the answer is longer than 64 MiB")


@pytest.mark.parametrize("compliant", [False, True])
def test_a_connection_that_ends_without_tls_s_farewell(authority: Path, compliant: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "www.pem", authority / "www.key")

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.shutdown(socket.SHUT_WR)  # of TCP only
            connection.recv(4096)

    async def work() -> str:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            served = asyncio.to_thread(serve, listener)
            url = Url("/", tls_compliant=compliant)
            asked = check(listener.getsockname()[1], url, tls=Tls())
            thread = asyncio.create_task(served)
            async with watched(asked) as server:
                said = await server.until("up", "down")
            await asyncio.gather(thread, return_exceptions=True)
            return said

    said = asyncio.run(work())
    assert said.startswith("down: hung up without TLS's close_notify" if compliant else "up")

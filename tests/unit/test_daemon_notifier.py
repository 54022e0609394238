"""Channels: FIFOs and their readers, mail by a real SMTP server, and what a reload does to them."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from trimaran.daemon.mail import MOST_WAITING, Mailer
from trimaran.daemon.notifier import Notifier
from trimaran.model.config import Config
from trimaran.model.duration import SECOND
from trimaran.model.group import SyncGroup
from trimaran.model.notification import Channels, Fifo, Letter, Mail, Notice, Notify
from trimaran.model.router import VirtualRouter
from trimaran.model.script import Script, ScriptPolicy
from trimaran.vrrp.notices import Happened, News, Subject

POLICY = ScriptPolicy(str(os.geteuid()))
ROUTER = VirtualRouter("a", "eth0", 1, notify=Notify(mail=True))
CONFIG = Config("LB1", (ROUTER,), scripts=POLICY, sync_groups=(SyncGroup("g", ("a",)),))
MASTER = Happened(Subject.INSTANCE, "a", News.MASTER, 100)
FAULT = Happened(Subject.INSTANCE, "a", News.FAULT, 100)


def run(config: Config, work: Callable[[Notifier], Awaitable[None]]) -> None:
    async def main() -> None:
        notifier = Notifier(config)
        notifier.start()
        try:
            await work(notifier)
        finally:
            await notifier.finish(10)

    asyncio.run(main())


def with_channels(**channels: object) -> Config:
    return replace(CONFIG, channels=Channels(**channels))  # type: ignore[arg-type]


def read(path: Path) -> list[str]:
    """All that a FIFO holds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 1 << 16).decode().splitlines()
    except BlockingIOError:
        return []
    finally:
        os.close(descriptor)


def test_each_fifo_is_told_its_part_and_is_removed_at_the_end(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("both", "routers", "services")}

    async def work(notifier: Notifier) -> None:
        notifier.happened(Happened(Subject.GROUP, "g", News.MASTER))
        notifier.happened(MASTER)
        notifier.happened(Happened(Subject.INSTANCE, "unknown", News.MASTER, 1))
        notifier.tell_of_services([Notice("x", line="VS [10.0.0.1]:tcp:80 UP")])
        assert read(paths["routers"]) == ['GROUP "g" MASTER 0', 'INSTANCE "a" MASTER 100']
        assert read(paths["services"]) == ["VS [10.0.0.1]:tcp:80 UP"]
        assert len(read(paths["both"])) == 3

    run(with_channels(**{name: Fifo(str(path)) for name, path in paths.items()}), work)
    assert not any(path.exists() for path in paths.values())


def test_the_program_that_reads_a_fifo_is_kept_running(tmp_path: Path) -> None:
    log = tmp_path / "log"
    reader = tmp_path / "reader"
    reader.write_text(
        f'#!/bin/sh\necho started >> {log}\nread line < "$2"\necho "$1 $line" >> {log}\n'
    )
    reader.chmod(0o755)
    fifo = Fifo(str(tmp_path / "fifo"), reader=Script((str(reader), "argument")))

    async def lines(count: int) -> list[str]:
        async with asyncio.timeout(20):
            while not log.exists() or len(log.read_text().splitlines()) < count:
                await asyncio.sleep(0.02)
        return log.read_text().splitlines()

    async def work(notifier: Notifier) -> None:
        await lines(1)
        notifier.happened(MASTER)
        assert (await lines(3))[1:] == ['argument INSTANCE "a" MASTER 100', "started"]

    run(with_channels(routers=fifo), work)


def test_a_full_fifo_costs_the_events_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(notifier: Notifier) -> None:
        for _ in range(5000):
            notifier.happened(MASTER)
        assert read(tmp_path / "fifo")[0] == MASTER_LINE
        notifier.happened(FAULT)

    run(with_channels(routers=Fifo(str(tmp_path / "fifo"))), work)
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert "nobody reads it" in said[0].getMessage()


MASTER_LINE = 'INSTANCE "a" MASTER 100'


def test_what_is_no_fifo_of_ours_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("kept")

    async def work(notifier: Notifier) -> None:
        notifier.happened(MASTER)

    run(with_channels(routers=Fifo(str(tmp_path / "file"))), work)
    assert "cannot be used: it is there, and is no FIFO" in caplog.text
    run(with_channels(routers=Fifo(str(tmp_path / "no" / "where"))), work)
    assert "cannot be used: No such file or directory" in caplog.text
    assert (tmp_path / "file").read_text() == "kept"


def test_reload(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    gone = VirtualRouter("gone", "eth0", 2, notify=Notify(deletion=True))
    before = replace(with_channels(routers=Fifo(str(first))), virtual_routers=(ROUTER, gone))
    after = with_channels(routers=Fifo(str(second)), states_on_reload=True)

    async def work(notifier: Notifier) -> None:
        notifier.happened(MASTER)
        notifier.happened(Happened(Subject.INSTANCE, "gone", News.MASTER, 5))
        notifier.configure(after)
        assert not first.exists()
        assert read(second) == ['INSTANCE "gone" DELETED 0', MASTER_LINE]
        notifier.configure(replace(after, router_id="LB2"))
        assert read(second) == [MASTER_LINE]

    run(before, work)


class Inbox:
    """An SMTP server on loopback."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 taken"


def test_mail(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[Envelope]:
        inbox = Inbox()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(inbox), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        mail = Mail(("a@x.org", "b@x.org"), "lb1@x.org", "127.0.0.1", port, "lb1.x.org")
        notifier = Notifier(with_channels(mail=replace(mail, faults=False)))
        notifier.start()
        notifier.happened(MASTER)
        notifier.happened(FAULT)
        letter = Letter("Virtualserver x - UP", "=> Quorum gained <=")
        notifier.tell_of_services([Notice("x", letter=letter)])
        await notifier.finish(20)
        server.close()
        await server.wait_closed()
        return inbox.envelopes

    first, second = asyncio.run(main())
    assert caplog.text == ""
    assert (first.mail_from, first.rcpt_tos) == ("lb1@x.org", ["a@x.org", "b@x.org"])
    assert isinstance(first.content, bytes)
    assert isinstance(second.content, bytes)
    message = message_from_bytes(first.content, policy=policy.default)
    assert message["Subject"] == "[LB1] VRRP Instance a - Entering MASTER state"
    assert (message["From"], message["To"]) == ("lb1@x.org", "a@x.org, b@x.org")
    assert message.get_content().strip() == "=> VRRP Instance is now owning VRRP VIPs <="
    message = message_from_bytes(second.content, policy=policy.default)
    assert message["Subject"] == "[LB1] Virtualserver x - UP"


def test_mail_that_cannot_be_sent_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.socket()) as busy:
        busy.bind(("127.0.0.1", 0))  # and does not listen
        port = busy.getsockname()[1]

        async def main() -> None:
            mailer = Mailer(Mail(("a@x.org",), "", "127.0.0.1", port), None)
            mailer.send(Letter("one", "1"))
            await mailer.finish(20)

        asyncio.run(main())
    assert f"cannot send 'one' by 127.0.0.1 port {port}: " in caplog.text


def test_a_server_that_does_not_answer_holds_nothing_up_and_the_queue_is_bounded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(port: int) -> None:
        mailer = Mailer(Mail(("a@x.org",), "", "127.0.0.1", port, timeout=60 * SECOND), None)
        mailer.send(Letter("first", "x"))
        await asyncio.sleep(0.1)
        for number in range(MOST_WAITING + 3):
            mailer.send(Letter(f"letter {number}", "x"))
        await mailer.finish(0.1)

    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        asyncio.run(main(silent.getsockname()[1]))
    assert caplog.text.count("dropped, too many wait") == 3
    assert f"{MOST_WAITING + 1} letters are not sent" in caplog.text

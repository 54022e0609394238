"""Sends mail, one letter after another, beside everything else."""

import asyncio
import logging
import socket
from collections import deque
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

import aiosmtplib

from trimaran.daemon.tasks import cancel, spawn
from trimaran.model.duration import SECOND
from trimaran.model.notification import Letter, Mail

log = logging.getLogger("mail")

MOST_WAITING: Final = 1000
"""While a server does not answer, so many letters are kept; then the oldest are dropped."""


class Mailer:
    """Sends letters by one server. `router_id`: what each title begins with, if there is one."""

    def __init__(self, mail: Mail, router_id: str | None) -> None:
        self._mail = mail
        host = socket.gethostname()
        self._name = mail.name or host
        self._sender = mail.sender or f"keepalived@{host}"
        self._prefix = f"[{router_id or host}] "
        self._waiting: deque[Letter] = deque()
        self._work: asyncio.Task[None] | None = None

    def send(self, letter: Letter) -> None:
        """Send a letter after those that wait."""
        if len(self._waiting) == MOST_WAITING:
            log.error("dropped, too many wait: %s", self._waiting.popleft().title)
        self._waiting.append(letter)
        if self._work is None:
            self._work = spawn(self._send_all(), "send mail")

    async def finish(self, seconds: float) -> None:
        """Wait for what is still to be sent; what takes longer is given up."""
        if self._work is not None:
            _, late = await asyncio.wait([self._work], timeout=seconds)
            if late:
                log.error("%d letters are not sent", len(self._waiting) + 1)
            await cancel(late)

    async def _send_all(self) -> None:
        while self._waiting:
            letter = self._waiting.popleft()
            try:
                await self._send(self._message(letter))
            except (aiosmtplib.SMTPException, OSError) as error:
                server = f"{self._mail.server} port {self._mail.port}"
                log.error("cannot send '%s' by %s: %s", letter.title, server, error)
        self._work = None

    async def _send(self, message: EmailMessage) -> None:
        refused, _ = await aiosmtplib.send(
            message,
            sender=self._sender,
            recipients=list(self._mail.recipients),
            hostname=self._mail.server,
            port=self._mail.port,
            local_hostname=self._name,
            timeout=self._mail.timeout / SECOND,
            start_tls=False,
        )
        for recipient, (code, why) in refused.items():
            log.error("%s takes no mail for %s: %d %s", self._mail.server, recipient, code, why)

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["Date"] = formatdate(localtime=True)
        message["From"] = self._sender
        message["Subject"] = self._prefix + letter.title
        message["X-Mailer"] = "trimaran"
        message["To"] = ", ".join(self._mail.recipients)
        message.set_content(letter.text + "\n")
        return message

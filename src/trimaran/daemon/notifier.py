"""Tells whoever is to be told: scripts, FIFOs, people by mail."""

import asyncio
from collections.abc import Iterable

from trimaran.daemon.fifos import FifoWriter
from trimaran.daemon.mail import Mailer
from trimaran.daemon.scripts import Scripts
from trimaran.daemon.tasks import spawn
from trimaran.model.config import Config
from trimaran.model.notification import Mail, Notice
from trimaran.vrrp.notices import Happened, News, Subject, notice, of_deletion

_STATES = frozenset((News.MASTER, News.BACKUP, News.FAULT))


class Notifier:
    """All channels of one daemon, by the configuration of the last `configure`.

    Virtual routers' events go to one FIFO, services' to another, and all of them to a third.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._scripts = Scripts()
        self._fifos: dict[str, FifoWriter] = {}
        self._mailer: tuple[Mail, str | None, Mailer] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._states: dict[tuple[Subject, str], Happened] = {}

    def start(self) -> None:
        """Open what there is to open."""
        self._open()

    def configure(self, config: Config) -> None:
        """A reload has changed the configuration to this."""
        old, self._config = self._config, config
        self._open()
        present = {router.name for router in config.virtual_routers}
        places = {(router.interface, router.vrid) for router in config.virtual_routers}
        for router in old.virtual_routers:
            gone = (router.interface, router.vrid) not in places
            if gone and (deletion := of_deletion(router.name, router.notify)):
                self._tell(deletion, "routers", mail=False)
        names = {Subject.INSTANCE: present, Subject.GROUP: {g.name for g in config.sync_groups}}
        self._states = {k: v for k, v in self._states.items() if k[1] in names[k[0]]}
        if config.channels.states_on_reload:
            for happened in self._states.values():
                self._write_of_router(happened)

    def happened(self, happened: Happened) -> None:
        """Something has happened to a virtual router or a sync group."""
        if happened.news in _STATES:
            self._states[happened.subject, happened.name] = happened
        told = self._notice(happened)
        if told is not None:
            self._tell(told, "routers", mail=self._worth_a_mail(happened))

    def tell_of_services(self, notices: Iterable[Notice]) -> None:
        """Tell of services and real servers."""
        for one in notices:
            self._tell(one, "services", mail=True)

    async def finish(self, seconds: float) -> None:
        """Wait for scripts and mail that are under way, then end everything."""
        waits = [self._scripts.finish(seconds)]
        if self._mailer is not None:
            waits.append(self._mailer[2].finish(seconds))
        await asyncio.gather(*waits)
        for name in list(self._fifos):
            self._close(self._fifos.pop(name))
        await asyncio.gather(*self._ending)

    def _notice(self, happened: Happened) -> Notice | None:
        subjects = (
            self._config.virtual_routers
            if happened.subject is Subject.INSTANCE
            else self._config.sync_groups
        )
        for one in subjects:
            if one.name == happened.name:
                return notice(happened, one.notify)
        return None

    def _worth_a_mail(self, happened: Happened) -> bool:
        mail = self._config.channels.mail
        return mail is not None and (mail.faults or happened.news is not News.FAULT)

    def _write_of_router(self, happened: Happened) -> None:
        told = self._notice(happened)
        if told is not None:
            self._write(told.line, "routers")

    def _tell(self, told: Notice, of: str, *, mail: bool) -> None:
        self._scripts.run([told], self._config.scripts)
        self._write(told.line, of)
        if mail and told.letter is not None and self._mailer is not None:
            self._mailer[2].send(told.letter)

    def _write(self, line: str, of: str) -> None:
        for name in (of, "both"):
            if (fifo := self._fifos.get(name)) is not None:
                fifo.write(line)

    def _open(self) -> None:
        """Bring FIFOs and mail up to date; what stays as it was stays open."""
        channels, policy = self._config.channels, self._config.scripts
        wanted = {
            "both": channels.both,
            "routers": channels.routers,
            "services": channels.services,
        }
        for name, writer in list(self._fifos.items()):
            if (writer.fifo, writer.policy) != (wanted[name], policy):
                self._close(self._fifos.pop(name))
        for name, fifo in wanted.items():
            if fifo is not None and name not in self._fifos:
                self._fifos[name] = FifoWriter(fifo, policy)
                self._fifos[name].open()
        mail, router_id = channels.mail, self._config.router_id
        if mail is None:
            self._mailer = None
        elif self._mailer is None or self._mailer[:2] != (mail, router_id):
            self._mailer = (mail, router_id, Mailer(mail, router_id))

    def _close(self, writer: FifoWriter) -> None:
        writer.close()
        ending = spawn(writer.closed(), f"close {writer.fifo.path}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

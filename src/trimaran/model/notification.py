"""Who is told of what happens: scripts, FIFOs, people by mail."""

from dataclasses import dataclass

from trimaran.model.duration import SECOND
from trimaran.model.script import Script


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """An event, and all that tell of it.

    `scripts` run one after another. Of those about one `subject` and of one `kind` only the last
    matters, of which there is more than one if they come faster than scripts run. `line` is for
    FIFOs, without its end.
    """

    subject: str
    scripts: tuple[Script, ...] = ()
    line: str = ""
    letter: Letter | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told of a virtual router or a sync group: a script for each state, and one for any.

    `deletion`: that a reload removes it is told as DELETED, else as FAULT. `priority_changes`:
    FIFOs are told of these. `mail`: mail is sent when the state changes.
    """

    master: Script | None = None
    backup: Script | None = None
    fault: Script | None = None
    stop: Script | None = None
    deleted: Script | None = None
    any: Script | None = None
    master_rx_lower_pri: Script | None = None
    deletion: bool = False
    priority_changes: bool = False
    mail: bool = False


NOBODY = Notify()


@dataclass(frozen=True, slots=True)
class Fifo:
    """A FIFO that events are written to, whose it is (None: whom scripts run as), and the program
    that reads it, if it is for us to start one."""

    path: str
    user: str | None = None
    group: str | None = None
    reader: Script | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """How mail is sent: `notification_email` and the words around it. Times in nanoseconds.

    `sender` "": `keepalived@` and this host's name; `name`, how we greet the server, "": this
    host's. `faults`: that a virtual router is in FAULT is worth a mail.
    """

    recipients: tuple[str, ...]
    sender: str
    server: str
    port: int = 25
    name: str = ""
    timeout: int = 30 * SECOND
    faults: bool = True


@dataclass(frozen=True, slots=True)
class Channels:
    """Everything by which events leave the daemon, besides scripts of their own.

    `both`, `routers`, `services`: FIFOs for all events, those of virtual routers, and those of
    services and real servers. `states_on_reload`: FIFOs are told all states after a reload.
    """

    both: Fifo | None = None
    routers: Fifo | None = None
    services: Fifo | None = None
    states_on_reload: bool = False
    mail: Mail | None = None


NO_CHANNELS = Channels()

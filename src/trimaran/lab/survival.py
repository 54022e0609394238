"""`trimaran lab demo survival`: open connections when their director dies, and when it returns.

The same twice over, with a hash scheduler and with synchronisation: not one may be lost. With
neither, as IPVS is without them, most must be, or the demo would prove nothing.
"""

import hashlib
import math
import random
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec

from trimaran.lab import lab as labs
from trimaran.lab import record
from trimaran.lab.errors import LabError
from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.long_lived import PATIENCE, Roll
from trimaran.lab.story import Story
from trimaran.lab.traces import check_none_left

Edit = Callable[[str], str]

_DOWNLOAD_BYTES = 16 << 20
_TOLD_SECONDS = 3.0
"""Others are told of connections once a second; ten thousand take a moment."""

_TAKEOVER_SECONDS = 10.0
_RETURN_SECONDS = 30.0
_OPENING_SECONDS = 60.0
_LEAST_LOST = 0.25
"""With neither means at least this share is lost."""

_SIGMAS = 5
"""How far what a hash leads elsewhere may be from half, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Variant:
    """How the directors are configured, and what becomes of the connections.

    `before` makes the directors' file of the exercise's, `meanwhile` another one, which is read
    once all are open. Of the connections to the servers that answer as `spared`, or of all if
    there are none such, the share that is lost must be from `least` to `most`.
    """

    name: str
    says: str
    before: Edit
    meanwhile: Edit | None = None
    spared: tuple[str, ...] = ()
    most: float = 0
    least: float = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of `opened` connections were lost by the death, and by the end."""

    variant: Variant
    opened: int
    lost_by_death: int
    lost: int
    downloads: int
    whole: int


def _by_hash(text: str) -> str:
    return text.replace("lvs_sched rr", "lvs_sched mh\n  mh-port")


def _synchronised(text: str) -> str:
    return "global_defs {\n  lvs_sync_daemon eth1\n}\n\n" + text


def _with_neither(text: str) -> str:
    return text


def _one_server(text: str) -> str:
    """Without the second real server."""
    return re.sub(r"  real_server 192\.168\.1\.202 .*?\n  }\n", "", text, flags=re.DOTALL)


MAGLEV = Variant("mh", "A hash chooses the server, the same on both directors.", _by_hash)
SYNCHRONISED = Variant(
    "rr, lvs_sync_daemon", "The master tells the backup of its connections.", _synchronised
)
NEITHER = Variant(
    "rr alone",
    "The backup knows of no connection: IPVS without synchronisation.",
    _with_neither,
    most=1,
    least=_LEAST_LOST,
)
REMOVED = Variant(
    "mh, a server removed",
    "web2 is taken out of both files while all are open: what it had must end, nothing else.",
    _by_hash,
    lambda text: _one_server(_by_hash(text)),
    spared=("RealServer 1",),
)
ADDED = Variant(
    "mh, a server added",
    "web2 comes into both files while all are open: half of the hashes lead to it afterwards.",
    lambda text: _one_server(_by_hash(text)),
    _by_hash,
    most=0.5,
)
VARIANTS = (MAGLEV, SYNCHRONISED, NEITHER, REMOVED, ADDED)


def run(prefix: str, outputs: Sequence[TextIO], connections: int, downloads: int) -> bool:
    """Tell and check all variants; whether all was as it should be.

    Raises `LabError` if the lab cannot be made: then nothing has been shown.
    """
    begin = time.monotonic()
    story = Story(outputs)
    story.title(
        f"trimaran lab demo survival: {connections} idle connections and {downloads} downloads; "
        "their director dies and returns"
    )
    outcomes = []
    for variant in VARIANTS:
        story.step(variant.name)
        story.say(variant.says)
        lab = labs.up(prefix)
        made = record.read(lab.directory)
        try:
            outcomes.append(attempt(lab, variant, connections, downloads, story))
        except LabError as error:
            story.check(False, str(error))
        finally:
            lab.down()
    story.step("Side by side")
    story.show(_table(outcomes))
    check_none_left(story, lab, made)
    story.end(time.monotonic() - begin)
    return story.failures == 0


def attempt(lab: Lab, variant: Variant, connections: int, downloads: int, story: Story) -> Outcome:
    """One variant in a lab in which nothing runs yet."""
    lb1, lb2 = lab.directors
    _write(lab, variant.before)
    digest = _lay_out_download(lab)
    lab.start_services()
    lab.wait_settled()
    clients = _Clients(lab.host("client"), lb1, connections, downloads, digest)
    roll = clients.roll(_OPENING_SECONDS)
    story.say(f"Open through lb1: {_servers(roll)}, and {roll.downloads} downloads.")
    if variant.meanwhile is not None:
        _write(lab, variant.meanwhile)
        for director in lab.directors:
            director.reload_service()
        servers = sum(len(s.real_servers) for s in lb1.config.virtual_services)
        wait_until("the new servers", lambda: _all_serve(lab.directors, servers), 10)
    time.sleep(_TOLD_SECONDS)

    story.command(f"trimaran lab kill {lb1.name}")
    died = time.monotonic()
    lb1.kill()
    _forget(lb1)
    vip = lb2.config.virtual_services[0].key.address
    wait_until("lb2 takes over", lambda: lb2.holds(vip), _TAKEOVER_SECONDS)
    story.say(f"lb2 is master {time.monotonic() - died:.1f} s later; now every connection asks.")
    death = clients.call()
    story.command(f"trimaran lab heal {lb1.name}")
    lb1.heal()
    lab.wait_settled(_RETURN_SECONDS)
    story.say("lb1 is back, and master again; every connection asks.")
    clients.call()
    end = clients.finish()
    outcome = Outcome(variant, end.opened, death.lost, end.lost, end.downloads, end.whole or 0)
    _judge(variant, outcome, end, story)
    return outcome


def _judge(variant: Variant, outcome: Outcome, end: Roll, story: Story) -> None:
    counts = [end.servers[name] for name in variant.spared or end.servers]
    opened, lost = sum(c.opened for c in counts), sum(c.lost for c in counts)
    what = (
        f"{outcome.lost_by_death} of {outcome.opened} connections lost by lb1's death, "
        f"{outcome.lost - outcome.lost_by_death} by its return"
    )
    if variant.spared:
        what = f"{what}; of {opened} to {', '.join(variant.spared)}: {lost}"
    # A share between none and all is chance: each connection's own.
    chance = _SIGMAS * math.sqrt(variant.most * (1 - variant.most) / opened)
    if variant.most:
        what = f"{what} (expected: {variant.least:.0%} to {min(variant.most + chance, 1):.0%})"
    story.check(variant.least <= lost / opened <= variant.most + chance, what)
    if not variant.most and not variant.spared:
        good = outcome.whole == outcome.downloads
        story.check(good, f"{outcome.whole} of {outcome.downloads} downloads whole, checksum right")


class _Clients:
    """The client's process with all connections."""

    def __init__(
        self, client: LabHost, director: LabHost, connections: int, downloads: int, digest: str
    ) -> None:
        address = str(director.config.virtual_services[0].key.address)
        command = ["python3", "-m", "trimaran.lab.long_lived"]
        command += [address, str(connections), str(downloads), digest]
        self._process = client.start(command, Path("long-lived.log"))
        self._log = client.directory / "long-lived.log"
        self._heard = 0

    def roll(self, seconds: float) -> Roll:
        """The next roll, awaited."""

        def lines() -> list[bytes]:
            whole = self._log.read_bytes().rpartition(b"\n")[0].splitlines()
            if self._process.poll() not in (None, 0):
                raise LabError(f"the clients ended: {self._log.read_text()[-500:]}")
            return whole[self._heard :]

        text = wait_until("all connections answer, or are lost", lines, seconds)[0]
        self._heard += 1
        try:
            return msgspec.json.decode(text, type=Roll)
        except msgspec.DecodeError:
            raise LabError(f"the clients say: {self._log.read_text()[-500:]}") from None

    def call(self) -> Roll:
        """Have every connection ask."""
        self._process.send_signal(signal.SIGUSR1)
        return self.roll(4 * PATIENCE)

    def finish(self) -> Roll:
        """Have the downloads end, and the process with them."""
        self._process.send_signal(signal.SIGTERM)
        roll = self.roll(4 * PATIENCE)
        self._process.wait(timeout=PATIENCE)
        return roll


def _write(lab: Lab, edit: Edit) -> None:
    """Give the directors files made of the exercise's."""
    for director in lab.directors:
        path = director.directory / "trimaran.conf"
        original = path.with_suffix(".original")
        if not original.exists():
            original.write_text(path.read_text())
        path.write_text(edit(original.read_text()))


def _lay_out_download(lab: Lab) -> str:
    """The same file on each real server; its SHA-256."""
    content = random.Random(0).randbytes(_DOWNLOAD_BYTES)
    for host in lab.web_servers:
        (host.directory / "html" / "download").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _forget(director: LabHost) -> None:
    """A power cut empties the kernel as well."""
    director.run(["ip", "link", "set", "dev", "eth1", "xdp", "off"])
    for service in director.config.virtual_services:
        director.run(["ip", "address", "del", f"{service.key.address}/24", "dev", "eth1"])


def _all_serve(directors: Sequence[LabHost], servers: int) -> bool:
    for director in directors:
        status = director.status() or {"services": []}
        up = [server["up"] for service in status["services"] for server in service["servers"]]
        if up != [True] * servers:
            return False
    return True


def _servers(roll: Roll) -> str:
    return " and ".join(
        f"{count.opened} to {server}" for server, count in sorted(roll.servers.items())
    )


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    row = "{:24}{:>12}{:>16}{:>17}{:>18}"
    lines = [row.format("", "connections", "lost by death", "lost by return", "downloads whole")]
    for outcome in outcomes:
        lines.append(
            row.format(
                outcome.variant.name,
                outcome.opened,
                outcome.lost_by_death,
                outcome.lost - outcome.lost_by_death,
                f"{outcome.whole} of {outcome.downloads}",
            )
        )
    return lines

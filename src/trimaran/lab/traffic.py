"""A client's view of a service while things break: the probe, and what its record means."""

import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from trimaran.daemon.pace import SLOWNESS
from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.probe import Attempt
from trimaran.model.ip import IPAddress


@dataclass(frozen=True, slots=True)
class Outage:
    """What a client missed. Instants in nanoseconds of CLOCK_MONOTONIC."""

    begin: int
    """The start of the last good attempt before the first failed one."""
    end: int
    """The start of the first good attempt after the last failed one."""
    failed: int
    """How many attempts failed between."""

    @property
    def duration(self) -> int:
        return self.end - self.begin


def outage(attempts: Iterable[Attempt], since: int = 0) -> Outage | None:
    """The outage of attempts that started at `since` or later; None if no attempt failed.

    Good attempts between failed ones do not shorten it. It begins or ends with a failed attempt
    where there is no good one on that side.
    """
    ordered = sorted((a for a in attempts if a.start >= since), key=lambda a: a.start)
    bad = [place for place, attempt in enumerate(ordered) if not attempt.ok]
    if not bad:
        return None
    before, after = max(bad[0] - 1, 0), min(bad[-1] + 1, len(ordered) - 1)
    return Outage(ordered[before].start, ordered[after].start, len(bad))


class Traffic:
    """The probe, running on a client from `with` to its end; one at a time on a client."""

    def __init__(
        self, client: LabHost, address: IPAddress, port: int = 80, *, seconds: float = 60
    ) -> None:
        self._client = client
        earlier = sorted(client.directory.glob("probe-*.jsonl"))
        self._log = Path(f"probe-{len(earlier)}.jsonl")
        made = sum(file.read_bytes().count(b"\n") for file in earlier)
        self._command = [
            *(sys.executable, "-m", "trimaran.lab.probe"),
            *(str(address), str(port), str(seconds * SLOWNESS), str(made)),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = self._client.start(self._command, self._log)
        wait_until("the probe's first good answer", lambda: any(a.ok for a in self.attempts()), 5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Start no more attempts, and wait for the end of those under way."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=5 * SLOWNESS)

    def attempts(self, since: int = 0) -> Sequence[Attempt]:
        """The attempts that have ended, in order of their start, from `since` on."""
        lines = (self._client.directory / self._log).read_bytes().rpartition(b"\n")[0].splitlines()
        found = (msgspec.json.decode(line, type=Attempt) for line in lines)
        return sorted((a for a in found if a.start >= since), key=lambda a: a.start)

"""Golden sessions of the real ipvsadm (`tests/data/ipvsadm`), and how they are played again.

Each is a list of commands with what they printed, on a kernel with IPVS. `Session` runs them on
any dataplane: ipvsadm within this process, all else by the shell, whose `ipvsadm` is a client of
this process. What differs from run to run is masked: expiry, the order of connections.
"""

import io
import json
import os
import re
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "ipvsadm"

HOSTS = {
    "vip.example.test": "192.168.1.10",
    "rs1": "192.168.1.101",
    "a-very-long-real-server-name.example.test": "192.168.1.102",
    "vip6.example.test": "2001:db8:1::10",
}
"""The hosts file of the golden machine."""

Main = Callable[[list[str], io.StringIO], int]
"""ipvsadm: arguments and standard input; it prints, and returns its exit status."""

# In Perl, which starts at once, also in a slow virtual machine.
_CLIENT = """\
use IO::Socket::UNIX;
my $channel = IO::Socket::UNIX->new(Peer => shift) or die "no session: $!";
local $/;
my $lines = (grep { $_ eq "-R" } @ARGV) ? <STDIN> : "";
print $channel join("\\0", scalar(@ARGV), @ARGV, $lines);
shutdown($channel, 1);
my ($status, $out, $err) = split(/\\0/, <$channel>, 3);
print STDOUT $out;
print STDERR $err;
exit $status;
"""

# What Debian's scripts of these names do, without their fixed PATH.
_SAVE = """\
case "$1" in -n) ;; -*)
  echo "ipvsadm-save: Script to save the IPVS table to stdout." >&2
  echo "   With the -n option, prints out the table in numeric format." >&2
  exit 1 ;;
esac
ipvsadm -S $1
"""
_RESTORE = """\
rules="$(grep -v '^#')"
ipvsadm -C
echo "$rules" | ipvsadm -R
"""


@dataclass(frozen=True)
class Step:
    """One command of a session and what it did."""

    session: str
    command: str
    stdout: str
    stderr: str
    status: int

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.command)[1:]

    def __str__(self) -> str:
        return f"{self.session}: {self.command}"


def look_up(name: str) -> str:
    """`socket.gethostbyname` on the golden machine."""
    address = HOSTS.get(name, ":")
    if ":" in address:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return address


def look_back(address: str) -> tuple[str, list[str], list[str]]:
    """`socket.gethostbyaddr` on the golden machine."""
    for name, known in HOSTS.items():
        if known == address:
            return name, [], []
    raise socket.herror(1, "Unknown host")


def sessions() -> list[str]:
    """The names of all sessions."""
    return sorted(file.stem for file in DATA.glob("*.json"))


def session(name: str) -> list[Step]:
    """The steps of a session."""
    found = json.loads((DATA / f"{name}.json").read_text())
    return [Step(name, s["cmd"], s["stdout"], s["stderr"], s["rc"]) for s in found]


def steps(*commands: str) -> list[Step]:
    """All steps of all sessions whose command is one of these."""
    every = [step for name in sessions() for step in session(name)]
    return [step for step in every if not commands or step.command in commands]


def masked(step: Step) -> Step:
    """Without what differs from run to run."""
    text = step.stdout
    if text.startswith("IPVS connection entries\n"):
        title, columns, *rows = text.splitlines(keepends=True)
        rows = sorted(re.sub(r"\b\d\d+:\d\d ", "MM:SS ", row, count=1) for row in rows)
        text = "".join([title, columns, *rows])
    elif "--nosort" in step.command:
        blocks = re.split(r"^(?=[A-Z])", text, flags=re.MULTILINE)
        text = "".join([*blocks[:3], *sorted(blocks[3:])])
    if "--rate" in step.command:
        text = re.sub(r" {2,}\d+(?=[ \n])", " N", text)
    return replace(step, stdout=text)


class Session:
    """Runs commands of a session. `inject`: makes and sends packets, given its arguments."""

    def __init__(self, main: Main, inject: Callable[[list[str]], None], home: Path) -> None:
        self._main = main
        self._inject = inject
        self._home = home

    def run(self, step: Step) -> Step:
        """What the command does here."""
        program, _, rest = step.command.partition(" ")
        if program == "inject":
            self._inject(shlex.split(rest))
            result = "", "", 0
        elif program == "ipvsadm" and not re.search("[|<>;&]", step.command):
            result = self._run(step.arguments)
        else:
            result = self._shell(step.command)
        return Step(step.session, step.command, *result)

    def _run(self, arguments: list[str], lines: str = "") -> tuple[str, str, int]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = self._main(arguments, io.StringIO(lines))
        return out.getvalue(), err.getvalue(), status

    def _shell(self, command: str) -> tuple[str, str, int]:
        with self._serve() as path:
            done = subprocess.run(
                ["bash", "-c", command.replace("/run/save1", str(self._home / "save1"))],
                env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        return done.stdout, done.stderr, done.returncode

    @contextmanager
    def _serve(self) -> Iterator[Path]:
        """A directory with programs that have this process do their work."""
        path = str(self._home / "ipvsadm.sock")
        client = self._home / "client.pl"
        client.write_text(_CLIENT)
        perl = f'exec perl {client} {path} "$@"\n'
        for name, script in (
            ("ipvsadm", perl),
            ("ipvsadm-save", _SAVE),
            ("ipvsadm-restore", _RESTORE),
        ):
            file = self._home / name
            file.write_text(f"#!/bin/bash\n{script}")
            file.chmod(0o755)
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            worker = threading.Thread(target=self._answer, args=(listener,), daemon=True)
            worker.start()
            yield self._home
            listener.shutdown(socket.SHUT_RDWR)
            worker.join()

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                channel, _ = listener.accept()
            except OSError:
                return
            with channel, channel.makefile("rw") as stream:
                count, *words = stream.read().split("\0")
                out, err, status = self._run(words[: int(count)], words[-1])
                stream.write("\0".join((str(status), out, err)))

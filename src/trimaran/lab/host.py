"""One host of a lab that is up: run things on it, break it, mend it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from trimaran.daemon import configuration, control, rundir
from trimaran.daemon.pace import SLOWNESS
from trimaran.lab import processes, recipe, record
from trimaran.lab.errors import LabError
from trimaran.lab.processes import Process
from trimaran.lab.topology import INTERFACE, LAN, Director, Topology
from trimaran.model.config import Config
from trimaran.model.ip import IPAddress

Value = TypeVar("Value")

# The programs of this installation first; then those that a user's shell may not look for.
_PATH = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
)
ENVIRONMENT = {**os.environ, "PATH": _PATH}


def wait_until(what: str, predicate: Callable[[], Value], timeout: float) -> Value:
    """Ask until the answer is true, and return it; `LabError` after `timeout` seconds.

    These, and all such seconds in the lab, are longer on a slow machine (`pace`).
    """
    timeout *= SLOWNESS
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:g} s in vain for this: {what}")
        time.sleep(0.03)
    return value


def run_in(
    namespace: str, command: Sequence[str], *, timeout: float = 30, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a network namespace to its end; `timeout` in seconds."""
    timeout *= SLOWNESS
    try:
        return subprocess.run(
            ["ip", "netns", "exec", namespace, *command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=ENVIRONMENT,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{namespace}: {' '.join(command)}: no end after {timeout:g} s") from None


def start_in(
    namespace: str, command: Sequence[str], log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a command in a network namespace, in a session of its own, output to `log`."""
    with open(log or os.devnull, "ab") as output:
        return subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=ENVIRONMENT,
            start_new_session=True,
        )


class LabHost:
    """A host by its name. `children` are the processes that this Python process has to reap."""

    def __init__(
        self,
        name: str,
        directory: Path,
        topology: Topology,
        state: record.Record,
        children: list[subprocess.Popen[bytes]],
    ) -> None:
        self.name = name
        self.spec = topology.host[name]
        self.address = self.spec.address
        self.namespace = f"{directory.name}-{name}"
        self.directory = directory / name
        """The host's files: its configuration and its logs."""
        self._lab_directory = directory
        self._lan = f"{directory.name}-{LAN}"
        self._inode = state.namespaces.get(self.namespace)
        self._children = children

    @property
    def inode(self) -> int:
        """The host's network namespace. `LabError` if somebody took it away or replaced it."""
        if self._inode is None or record.namespace_inode(self.namespace) != self._inode:
            raise LabError(f"the namespace {self.namespace} is not the one that the lab made")
        return self._inode

    @property
    def role(self) -> str:
        """client, director or web."""
        return str(self.spec.__struct_config__.tag)

    # Commands

    def command(self, command: Sequence[str]) -> list[str]:
        """The command line, as typed outside, that runs this on the host."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def run(
        self, command: Sequence[str], *, timeout: float = 30, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its text and status; `timeout` in seconds."""
        return run_in(self.namespace, command, timeout=timeout, stdin=stdin)

    def output(self, command: Sequence[str], *, timeout: float = 30) -> str:
        """Standard output of a command. Raises `LabError` if it fails."""
        done = self.run(command, timeout=timeout)
        if done.returncode:
            problem = done.stderr.strip() or f"exit status {done.returncode}"
            raise LabError(f"{self.name}: {' '.join(command)}: {problem}")
        return done.stdout

    def start(self, command: Sequence[str], log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, output to `log` in the host's directory."""
        child = start_in(self.namespace, command, self.directory / log if log else None)
        self._children.append(child)
        return child

    def pids(self, text: str = "") -> list[int]:
        """The processes of the host whose command line contains `text`."""
        return [
            pid for pid in processes.in_namespace(self.inode) if text in processes.command_line(pid)
        ]

    def send(self, text: str, number: signal.Signals) -> list[int]:
        """Signal the processes of the host whose command line contains `text`; their pids."""
        found = self.pids(text)
        for pid in found:
            processes.send(processes.identify(pid), number)
        return found

    # The service: a director's daemon, a web server's nginx

    @property
    def service(self) -> Process | None:
        """The service's main process, None when it does not run."""
        process = record.read(self._lab_directory).services.get(self.name)
        return process if process and process.running else None

    @property
    def log(self) -> str:
        """All that the service has said, over all its starts."""
        return "".join(path.read_text() for path in sorted(self.directory.glob("*.log")))

    def start_service(self, timeout: float = 10) -> None:
        """Start the service and wait until it answers; nothing happens if it runs."""
        if (child := self.launch_service()) is not None:
            self.await_service(child, timeout)

    def launch_service(self) -> subprocess.Popen[bytes] | None:
        """Start the service, which answers later; None if there is none to start."""
        command = self.service_command
        if not command or self.service:
            return None
        child = self.start(command, Path(f"{command[0]}.log"))
        with self._changed_record() as services:
            services[self.name] = processes.identify(child.pid)
        return child

    def await_service(self, child: subprocess.Popen[bytes], timeout: float = 10) -> None:
        """Wait until the service that was launched answers."""
        what = f"{self.service_command[0]} answers"
        try:
            wait_until(what, lambda: self._answers(child), timeout)
        except LabError as error:
            last = "".join(f"\n{line}" for line in self.log.splitlines()[-10:])
            raise LabError(f"{self.name}: {error}; its last words:{last}") from None

    def _answers(self, child: subprocess.Popen[bytes]) -> bool:
        if child.poll() is not None:
            raise LabError(f"its service ended with status {child.returncode}")
        if isinstance(self.spec, Director) and self.spec.program == "trimaran":
            return self.status() is not None
        pid_file = self.directory / f"{self.service_command[0]}.pid"  # written when it is ready
        return pid_file.exists() and pid_file.read_text().strip() == str(child.pid)

    def stop_service(
        self, number: signal.Signals = signal.SIGTERM, timeout: float = 5
    ) -> int | None:
        """Stop the service and wait for its end; its exit status, if it is known here."""
        process = self.service
        if process is None:
            return None
        processes.send(process, number)
        try:
            wait_until(f"{self.name}: the service ends", lambda: not process.running, timeout)
        except LabError:
            processes.send(process, signal.SIGKILL)
            raise
        with self._changed_record() as services:
            services.pop(self.name, None)
        return next((child.wait() for child in self._children if child.pid == process.pid), None)

    def reload_service(self) -> None:
        """SIGHUP: read the configuration again."""
        if process := self.service:
            processes.send(process, signal.SIGHUP)

    @property
    def service_command(self) -> list[str]:
        """The command that runs the service; empty on a client."""
        return recipe.service_command(self.spec, self.directory) or []

    @property
    def config(self) -> Config:
        """What this director's configuration file means now. Raises `LabError` if it is bad."""
        result = configuration.read(self.directory / "trimaran.conf")
        if result.config is None:
            raise LabError(f"{self.name}: bad configuration: {result.diagnostics}")
        return result.config

    @property
    def ipvsadm(self) -> list[str]:
        """The command that lists what this director forwards, without options."""
        assert isinstance(self.spec, Director)
        return ["ipvsadm"] if self.spec.program == "keepalived" else ["trimaran", "ipvsadm"]

    def status(self) -> dict[str, Any] | None:
        """What `trimaran status --json` says on this director; None when nothing answers it."""
        socket = rundir.control_socket(rundir.ROOT / f"netns-{self.inode}")
        try:
            answer = json.loads(control.ask(socket, {"command": "status"}))
        except (control.ControlError, ValueError):
            return None
        assert isinstance(answer, dict)
        return answer

    def holds(self, address: IPAddress) -> bool:
        """Whether the address is on the host's interface at this moment."""
        shown = self.output(["ip", "-brief", "address", "show", "dev", INTERFACE])
        return f" {address}/" in shown

    # Faults

    def cut_link(self) -> None:
        """Pull the cable: the host and the switch both lose their carrier."""
        self._set_link("down")

    def join_link(self) -> None:
        """Put the cable back."""
        self._set_link("up")

    @property
    def linked(self) -> bool:
        """Whether the cable is in."""
        shown = run_in(self._lan, ["ip", "-json", "link", "show", "dev", self.name])
        return "UP" in json.loads(shown.stdout)[0]["flags"]

    def _set_link(self, state: str) -> None:
        done = run_in(self._lan, ["ip", "link", "set", "dev", self.name, state])
        if done.returncode:
            raise LabError(f"{self.name}: link {state}: {done.stderr.strip()}")

    def kill(self) -> None:
        """A power cut: every process is killed (-9) and the cable is dead, at one stroke.

        All are frozen first, so that none sees another one die, or the cable, and acts on it.
        The kernel side of the host stays as it was: addresses, XDP program, flows.
        """
        inode = self.inode
        processes.freeze_namespace(inode)
        self.cut_link()
        processes.kill_namespace(inode)
        for child in self._children:
            child.poll()  # so that no zombie keeps its pid
        with self._changed_record() as services:
            services.pop(self.name, None)

    def heal(self) -> None:
        """The host is back: its cable is in, then its service starts."""
        self.join_link()
        self.start_service()

    @contextmanager
    def _changed_record(self) -> Iterator[dict[str, Process]]:
        with record.locked(self._lab_directory):
            state = record.read(self._lab_directory)
            services = dict(state.services)
            yield services
            record.write(self._lab_directory, msgspec.structs.replace(state, services=services))

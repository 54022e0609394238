"""A lab: hosts made from a topology, found again by their prefix, taken down to the last trace."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType

from trimaran.daemon import rundir
from trimaran.lab import processes, recipe, record, topology
from trimaran.lab.errors import LabError
from trimaran.lab.host import ENVIRONMENT, LabHost, run_in, start_in, wait_until
from trimaran.lab.standing import standing
from trimaran.lab.topology import EXERCISE, LAN, Dataplane, Director, Topology, WebServer
from trimaran.model.router import VirtualRouter

DEFAULT_PREFIX = "trimaran"
_TOOLS = ("ip", "ethtool", "sysctl", "nginx", "curl")
_IPVS_TOOLS = ("keepalived", "ipvsadm", "modprobe")
_STOPPING_SECONDS = 2.0


class Lab:
    """A lab that is up. Get one from `up`, `find` or `running`."""

    def __init__(self, directory: Path) -> None:
        self.prefix = directory.name
        self.directory = directory
        self.topology: Topology = topology.read(directory / "topology.json")
        children: list[subprocess.Popen[bytes]] = []
        state = record.read(directory)
        self.hosts: Mapping[str, LabHost] = MappingProxyType(
            {
                name: LabHost(name, directory, self.topology, state, children)
                for name in self.topology.host
            }
        )
        self._children = children

    def host(self, name: str) -> LabHost:
        """The host of this name. Raises `LabError`."""
        if name not in self.hosts:
            raise LabError(f"no host {name!r} in this lab: it has {', '.join(self.hosts)}")
        return self.hosts[name]

    @property
    def directors(self) -> list[LabHost]:
        return [self.hosts[name] for name in self.topology.directors]

    @property
    def web_servers(self) -> list[LabHost]:
        return [self.hosts[name] for name in self.topology.web_servers]

    @property
    def switch(self) -> str:
        """The namespace of the bridge, whose ports have the names of the hosts."""
        return recipe.namespaces(self.prefix, self.topology)[LAN]

    def start_on_switch(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command in the bridge's namespace, output to `log` in the lab's directory."""
        child = start_in(self.switch, command, self.directory / log)
        self._children.append(child)
        return child

    def start_services(self) -> None:
        """Start every service: the real servers first, so that no check fails; then the directors,
        which take the same moment to start."""
        for hosts in (self.web_servers, self.directors):
            launched = [(host, host.launch_service()) for host in hosts]
            for host, child in launched:
                if child is not None:
                    host.await_service(child)

    def settled(self) -> bool:
        """Whether every server is in service, and every VRID has one master: the director of the
        highest priority, which holds the addresses. `LabError` if a director has no service."""
        groups: dict[tuple[str, int], list[tuple[int, LabHost, str | None, VirtualRouter]]] = {}
        for director in self.directors:
            if director.service is None:
                raise LabError(f"{director.name}: its service has ended, or was never started")
            now = standing(director)
            if now is None or not all(now.servers.values()):
                return False
            for router in director.config.virtual_routers:
                key = (router.interface, router.vrid)
                member = (router.priority, director, now.routers.get(key), router)
                groups.setdefault(key, []).append(member)
        for group in groups.values():
            *others, (_, master, state, router) = sorted(group, key=itemgetter(0))
            if state != "MASTER" or any(other != "BACKUP" for _, _, other, _ in others):
                return False
            if not all(master.holds(address.address) for address in router.addresses):
                return False
        return True

    def wait_settled(self, timeout: float = 15) -> None:
        """Wait until the lab is `settled`; `LabError` with the directors' last words if not."""
        try:
            wait_until("a master, and all servers in service", self.settled, timeout)
        except LabError as error:
            logs = "".join(f"\n{host.name}:\n{_tail(host.log)}" for host in self.directors)
            raise LabError(f"{error}{logs}") from None

    def down(self) -> list[str]:
        """`down` of this lab, which also reaps what was started here."""
        kept = down(self.prefix)
        for child in self._children:
            child.wait()
        return kept


def up(
    prefix: str = DEFAULT_PREFIX,
    topology_file: Path = EXERCISE,
    programs: Sequence[str] = (),
    dataplane: Dataplane | None = None,
) -> Lab:
    """Make the hosts and their network; no service runs yet. Raises `LabError`.

    `programs` and `dataplane` change what the directors run: see `topology.with_directors`. A
    namespace that somebody else made is never touched: its name is refused.
    """
    directory = record.directory_of(prefix)
    plan = topology.with_directors(topology.read(topology_file), programs, dataplane)
    _require_means(plan)
    record.claim(directory)
    try:
        with record.locked(directory):
            _write_files(directory, topology_file, plan)
            _make_namespaces(directory, plan)
        _make_network(recipe.namespaces(prefix, plan), plan)
        return Lab(directory)
    except BaseException:
        down(prefix)
        raise


def find(prefix: str = DEFAULT_PREFIX) -> Lab:
    """The lab that is up with this prefix. Raises `LabError` when there is none."""
    directory = record.directory_of(prefix)
    with record.locked(directory):
        return Lab(directory)


@contextmanager
def running(
    prefix: str = DEFAULT_PREFIX, topology_file: Path = EXERCISE, *, services: bool = True
) -> Iterator[Lab]:
    """A lab, settled if its services are wanted, that is taken down whatever happens."""
    lab = up(prefix, topology_file)
    try:
        if services:
            lab.start_services()
            lab.wait_settled()
        yield lab
    finally:
        lab.down()


def down(prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Remove all that the lab made, also after a crash; nothing happens when there is none.

    Returns the names of namespaces that were left alone: they are not the ones that it made.
    """
    directory = record.directory_of(prefix)
    if not directory.exists():
        return []
    _require_root()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with record.locked(directory):
            state = record.read(directory)
            _stop(state)
            kept = [
                name
                for name, inode in state.namespaces.items()
                if not remove_namespace(name, inode)
            ]
            shutil.rmtree(directory)
        for root in (record.ROOT, rundir.ROOT):
            with suppress(OSError):  # others are up
                root.rmdir()
        return kept
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(state: record.Record) -> None:
    """Let the services clean up what outlives a namespace; what stays is killed later."""
    for process in state.services.values():
        processes.send(process, signal.SIGCONT)
        processes.send(process, signal.SIGTERM)
    with suppress(LabError):
        wait_until(
            "services end",
            lambda: not any(process.running for process in state.services.values()),
            _STOPPING_SECONDS,
        )
    for process in state.services.values():
        processes.send(process, signal.SIGKILL)


def remove_namespace(name: str, made: int | None = None) -> bool:
    """Remove a namespace, its processes and the run directory of a daemon in it that was killed;
    False if it is another one by now than what was `made`."""
    inode = record.namespace_inode(name)
    if inode is None:
        return True
    if made not in (None, inode):
        return False
    processes.kill_namespace(inode)
    subprocess.run(["ip", "netns", "delete", name], check=True, env=ENVIRONMENT)
    shutil.rmtree(rundir.ROOT / f"netns-{inode}", ignore_errors=True)
    return True


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("you must be root (the lab makes network namespaces)")


def _require_means(plan: Topology) -> None:
    _require_root()
    kernel = any(
        d.program == "keepalived" or d.dataplane == "ipvs" for d in plan.directors.values()
    )
    for setup, tools in (("", _TOOLS), (" vm", _IPVS_TOOLS if kernel else ())):
        found = {tool: shutil.which(tool, path=ENVIRONMENT["PATH"]) for tool in tools}
        if missing := [tool for tool, path in found.items() if path is None]:
            raise LabError(f"not installed: {', '.join(missing)}; 'tools/setup{setup}' installs it")
    if kernel and not _has_ipvs():
        raise LabError("this kernel has no IPVS: 'trimaran lab --vm ...' has")


def _has_ipvs() -> bool:
    subprocess.run(["modprobe", "--quiet", "ip_vs"], env=ENVIRONMENT)
    return Path("/proc/net/ip_vs").exists()


def _write_files(directory: Path, topology_file: Path, plan: Topology) -> None:
    """The lab's own copy of all that describes it, so that the originals may change."""
    topology.write(directory / "topology.json", plan)
    for name, host in plan.host.items():
        home = directory / name
        home.mkdir()
        if isinstance(host, Director):
            config = topology_file.parent / host.config
            try:
                shutil.copyfile(config, home / "trimaran.conf")
            except OSError as error:
                raise LabError(
                    f"topology {topology_file}: {name}: {config}: {error.strerror}"
                ) from None
        elif isinstance(host, WebServer):
            (home / "nginx.conf").write_text(recipe.nginx_config(home))
            (home / "html").mkdir()
            (home / "html" / "index.html").write_text(f"{host.answer}\n")


def _make_namespaces(directory: Path, plan: Topology) -> None:
    """Each one is noted before it is made, and with its inode after."""
    made: dict[str, int | None] = {}
    for name in recipe.namespaces(directory.name, plan).values():
        if (record.NETNS / name).exists():
            raise LabError(
                f"the namespace {name} exists and is not the lab's: choose another --prefix"
            )
        record.write(directory, record.Record({**made, name: None}, {}))
        done = subprocess.run(
            ["ip", "netns", "add", name], capture_output=True, text=True, env=ENVIRONMENT
        )
        if done.returncode:
            record.write(directory, record.Record(made, {}))
            raise LabError(f"ip netns add {name}: {done.stderr.strip()}")
        made[name] = record.namespace_inode(name)
        record.write(directory, record.Record(made, {}))


def _make_network(names: dict[str, str], plan: Topology) -> None:
    _must(names[LAN], ["sh", "-e"], recipe.lan_script(plan, names))
    for name, host in plan.host.items():
        _must(names[name], ["sh", "-e"], recipe.host_script(plan, host))
    _must(names[LAN], [sys.executable, "-m", "trimaran.lab.passthrough", *plan.directors])


def _must(namespace: str, command: list[str], stdin: str | None = None) -> None:
    done = run_in(namespace, command, stdin=stdin)
    if done.returncode:
        raise LabError(f"{namespace}: {done.stderr.strip()}")


def _tail(text: str, lines: int = 10) -> str:
    return "\n".join(text.splitlines()[-lines:])

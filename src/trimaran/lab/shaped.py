"""A lab whose directors' links are shaped, with clients that load VIPs and servers that count."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Interface
from math import ceil
from pathlib import Path

import msgspec

from trimaran.lab import lab as labs
from trimaran.lab import load, shaping
from trimaran.lab.errors import LabError
from trimaran.lab.host import LabHost, run_in, start_in, wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.load import Tally
from trimaran.lab.meter import Reading
from trimaran.lab.recipe import namespaces
from trimaran.lab.topology import INTERFACE, LAN
from trimaran.lab.trial import TRAFFIC, UNIT, Trial
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.service import Protocol
from trimaran.plan.directors import Service, Site, configurations
from trimaran.views.plan_keepalived import keepalived_text

ADVERTISEMENT_INTERVAL = 100 * MILLISECOND

_CLIENTS = ("client1", "client2")
_SERVERS = ("web1", "web2")
_NETWORK = "10.66.0"
_RATE = str(ceil(TRAFFIC * UNIT / 8 / load.FRAME_BYTES / len(_CLIENTS)))  # of one client
_SETTLING_SECONDS = 30
_FLIGHT_SECONDS = 0.3  # after which no datagram is under way any more


def vip(index: int) -> str:
    """The address of VIP `index`, from 0."""
    return f"{_NETWORK}.{51 + index}"


class ShapedLab:
    """Directors on links of `UNIT`, started with the lists of one variant after another."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lan = namespaces(lab.prefix, lab.topology)[LAN]
        self._meter_log = lab.directory / "meter.jsonl"
        ports = [director.name for director in lab.directors]
        for port in ports:
            done = run_in(lan, ["sh", "-e"], stdin=shaping.script(port, UNIT))
            if done.returncode:
                raise LabError(f"shaping the link of {port}: {done.stderr.strip()}")
        self._meter = start_in(lan, _module("meter", ",".join(_CLIENTS), *ports), self._meter_log)
        self._runs = 0

    def use(self, lists: Sequence[Sequence[str]]) -> None:
        """Start the directors with these lists, or reload them; wait until each VIP is in place."""
        for name, text in _configurations(lists).items():
            (self.lab.host(name).directory / "trimaran.conf").write_text(text)
        for director in self.lab.directors:
            director.reload_service()
        _at_once(LabHost.start_service, self.lab.directors)
        for director in self.lab.directors:
            wait_until(f"{director.name} has its lists", partial(_up_to_date, director), 10)
        self.lab.wait_settled(_SETTLING_SECONDS)

    def kill(self, names: Iterable[str]) -> None:
        """These directors die at once: a power cut."""
        _at_once(LabHost.kill, [self.lab.host(name) for name in names])

    def heal(self, names: Iterable[str]) -> None:
        """They are back; returns when each VIP is where it belongs again."""
        _at_once(LabHost.heal, [self.lab.host(name) for name in names])
        self.lab.wait_settled(_SETTLING_SECONDS)

    def start_load(self, vips: int) -> "Load":
        """Load the first `vips` VIPs until the load is finished."""
        self._runs += 1
        log = Path(f"load-{self._runs}.json")
        names = [vip(index) for index in range(vips)]
        return Load(
            receivers=[_Counter(self.lab.host(n), log, "receive", *names) for n in _SERVERS],
            senders=[_Counter(self.lab.host(n), log, "send", _RATE, *names) for n in _CLIENTS],
        )

    def offered(self, begin: int, end: int) -> float:
        """What the clients really sent between two instants, in links; 0 if not yet known."""
        between = [reading for reading in self.readings() if begin <= reading.at <= end]
        if len(between) < 2:
            return 0
        first, last = between[0], between[-1]
        return (last.offered - first.offered) * 8 * SECOND / (last.at - first.at) / UNIT

    def readings(self) -> list[Reading]:
        """What the meter has read so far."""
        if self._meter.poll() is not None:
            raise LabError(f"the meter has ended: {self._meter_log.read_text()[-500:]}")
        lines = self._meter_log.read_bytes().rpartition(b"\n")[0].splitlines()
        return [msgspec.json.decode(line, type=Reading) for line in lines]


class _Counter:
    """A process of `load` on a host."""

    def __init__(self, host: LabHost, log: Path, *words: str) -> None:
        self._log = host.directory / log
        self._process = host.start(_module("load", *words), log)
        wait_until(f"{host.name} is ready", lambda: b"\n" in self._log.read_bytes(), 10)

    def finish(self) -> Tally:
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(timeout=10):
            raise LabError(f"the load failed: {self._log.read_text()[-500:]}")
        return msgspec.json.decode(self._log.read_bytes().partition(b"\n")[2], type=Tally)


class Load:
    """Clients that send and servers that count, from its making until it is finished."""

    def __init__(self, receivers: Sequence[_Counter], senders: Sequence[_Counter]) -> None:
        self._receivers = receivers
        self._senders = senders

    def finish(self) -> tuple[list[Tally], list[Tally]]:
        """What was sent, and what of it was received."""
        sent = [sender.finish() for sender in self._senders]
        time.sleep(_FLIGHT_SECONDS)
        return sent, [receiver.finish() for receiver in self._receivers]


def up(prefix: str, trial: Trial) -> Lab:
    """The trial's hosts and network, to be taken down by the caller. Raises `LabError`."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        topology = directory / "topology.toml"
        topology.write_text(_topology(trial))
        for director, text in _configurations(trial.variants[0].lists).items():
            (directory / f"{director}.conf").write_text(text)
        return labs.up(prefix, topology)


def _topology(trial: Trial) -> str:
    vips = max(len(variant.lists) for variant in trial.variants)
    lines = [f'network = "{_NETWORK}.0/24"']
    for number, name in enumerate(_CLIENTS):
        lines += [f"[host.{name}]", 'role = "client"', f'address = "{_NETWORK}.{11 + number}"']
    for number, name in enumerate(trial.directors):
        lines += [f"[host.{name}]", 'role = "director"', f'address = "{_NETWORK}.{101 + number}"']
        lines += [f'config = "{name}.conf"']
    for number, name in enumerate(_SERVERS):
        lines += [f"[host.{name}]", 'role = "web"', f'address = "{_server(number)}"']
        lines += [f'answer = "{name}"']
        lines += [f"virtual_addresses = {json.dumps([vip(index) for index in range(vips)])}"]
    return "\n".join(lines) + "\n"


def _configurations(lists: Sequence[Sequence[str]]) -> dict[str, str]:
    servers = tuple(IPv4Address(_server(number)) for number in range(len(_SERVERS)))
    site = Site(
        addresses=tuple(IPv4Interface(f"{vip(index)}/24") for index in range(len(lists))),
        interface=INTERFACE,
        services=(Service(load.PORT, servers, Protocol.UDP),),
        advertisement_interval=ADVERTISEMENT_INTERVAL,
    )
    made = configurations(lists, site)
    return {name: keepalived_text(config) for name, config in made.items()}


def _up_to_date(director: LabHost) -> bool:
    """Whether what it does is what its configuration says: a reload takes a moment."""
    config, status = director.config, director.status()
    return (
        status is not None
        and len(status["services"]) == len(config.virtual_services)
        and {router["vrid"]: router["priority"] for router in status["virtual_routers"]}
        == {router.vrid: router.priority for router in config.virtual_routers}
    )


def _server(number: int) -> str:
    return f"{_NETWORK}.{201 + number}"


def _module(name: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"trimaran.lab.{name}", *words]


def _at_once(verb: Callable[[LabHost], object], hosts: Sequence[LabHost]) -> None:
    """Do something on several hosts at the same time; the first error is raised at the end."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        for done in [pool.submit(verb, host) for host in hosts]:
            done.result()

"""What is wrong on this machine, and around it, with what a configuration names.

Programs that cannot be run, files that cannot be read, names that mean no host; and real servers
behind DR or IPIP, asked as only their segment can be: does one answer ARP for the VIP, does its
service answer there (`trimaran.net.outside`).
"""

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

from pyroute2 import AsyncIPRoute

from trimaran.conf import Result
from trimaran.conf.references import files, hosts, programs, real_servers
from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.tokens import Word
from trimaran.daemon.scripts import runnable
from trimaran.model.config import Config
from trimaran.model.ip import IPAddress
from trimaran.model.script import ScriptPolicy
from trimaran.model.service import Forwarding, Protocol, TunnelType
from trimaran.net import links, neighbours, outside
from trimaran.net.errors import NetError
from trimaran.net.outside import Answer, Question

_MOST_AT_ONCE = 10_000
_DISCARD = 9
_PATIENCE_SECONDS = 1.5
_INTERVAL_SECONDS = 0.05
_THERE = "on it, 'trimaran realserver {} {}' "


@dataclass(frozen=True, slots=True)
class Asked:
    """How many real servers were asked for how many services, and what could not be tried."""

    servers: int = 0
    services: int = 0
    untried: int = 0

    def __str__(self) -> str:
        text = f"asked {self.servers} real servers, tried {self.services} services through the VIP"
        other = "not tried: NAT, fwmark, no TCP, or a tunnel of another type than ipip"
        return f"{text}; {self.untried} {other}" if self.untried else text


async def examined(result: Result) -> tuple[Result, Asked]:
    """The result again, with warnings of what was found. Raises NetError without the right to."""
    if result.config is None or result.said is None:
        return result, Asked()
    report = Report()
    await asyncio.to_thread(_report_host, result.said, result.config.scripts, report)
    asked = await _Servers(result.config, real_servers(result.said), report).ask()
    found = report.in_file_order()
    return replace(result, diagnostics=(*result.diagnostics, *found)), asked


def _report_host(said: Setting[bool], policy: ScriptPolicy, report: Report) -> None:
    """What can be judged without asking anybody but the resolver."""
    for word, script in programs(said):
        try:
            found = runnable(script, policy)
        except (OSError, LookupError, ValueError) as error:
            report.warning(word, f"cannot run {script.command[0]}: {error}")
            continue
        if found.weak is not None:
            report.warning(
                word,
                f"{found.weak} can be written by others than root, but runs as root",
                "take that right away, or name another script_user",
            )
    for word, path in files(said):
        if not os.access(path, os.R_OK):
            report.warning(word, f"cannot read '{path}'", "its checks fail without it")
    for word, name in hosts(said):
        try:
            socket.getaddrinfo(name, None)
        except OSError as error:
            why = error.strerror or error
            report.warning(word, f"'{name}' is no host: {why}", "write an address, or mend DNS")


class _Servers:
    """The real servers of a configuration that are reached by a VIP."""

    def __init__(
        self,
        config: Config,
        places: Mapping[tuple[IPAddress | None, IPAddress], Word],
        report: Report,
    ) -> None:
        self._places, self._report = places, report
        self._untried = 0
        self._questions = list(dict.fromkeys(self._wanted(config)))

    async def ask(self) -> Asked:
        if not self._questions:
            return Asked(untried=self._untried)
        async with AsyncIPRoute() as netlink:
            paths = await self._paths(netlink, await self._routes(netlink))
        asked = [question for question in self._questions if question.server in paths]
        answers: dict[Question, Answer] = {}
        rest = iter(asked)
        while some := list(islice(rest, _MOST_AT_ONCE)):
            answers |= await outside.ask(paths, some)
        for question in asked:
            self._judge(question, answers.get(question))
        return Asked(len(paths), sum(each.port > 0 for each in asked), self._untried)

    def _wanted(self, config: Config) -> Iterator[Question]:
        for service in config.virtual_services:
            vip, port = service.key.address, service.key.port
            for server in service.real_servers:
                tunnelled = server.forwarding is Forwarding.TUNNEL
                routed = server.forwarding is Forwarding.DIRECT_ROUTING
                if service.key.mark or not (tunnelled or routed):
                    self._untried += 1
                    continue
                where = server.key.address
                if vip.version == where.version:
                    yield Question(where, vip)
                if (
                    service.key.protocol is Protocol.TCP
                    and port
                    and (routed or server.tunnel.type is TunnelType.IPIP)
                ):
                    yield Question(where, vip, port, tunnelled)
                else:
                    self._untried += 1

    async def _routes(self, netlink: AsyncIPRoute) -> dict[IPAddress, neighbours.Route]:
        """The ways to real servers on other hosts; what is wrong with one is reported."""
        routes = {}
        for server in dict.fromkeys(question.server for question in self._questions):
            try:
                route = await neighbours.route_to(netlink, server)
            except NetError as error:
                self._warn(None, server, str(error))
                continue
            if not route.local:
                routes[server] = route
        behind = {one for one, route in routes.items() if route.next_hop != one}
        for question in self._questions:
            if question.server in behind and question.port and not question.tunnel:
                what = f"{question.server} is behind the router {routes[question.server].next_hop}"
                advice = "direct routing needs it on this host's own segment: use TUN"
                self._warn(question.vip, question.server, what, advice)
        self._questions = [
            question
            for question in self._questions
            if question.server not in behind or question.tunnel
        ]
        return routes

    async def _paths(
        self, netlink: AsyncIPRoute, routes: Mapping[IPAddress, neighbours.Route]
    ) -> dict[IPAddress, outside.Path]:
        """The MAC addresses besides; who does not answer for its own address is reported."""
        found = await links.links(netlink)
        paths: dict[IPAddress, outside.Path] = {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        while True:
            for server, route in routes.items():
                if server not in paths:
                    mac = await neighbours.lookup(netlink, route.ifindex, route.next_hop)
                    if mac is None:
                        _knock(server)
                        continue
                    link = found[route.ifindex]
                    paths[server] = outside.Path(link.name, link.mac, route.source, mac)
            if len(paths) == len(routes) or loop.time() > deadline:
                break
            await asyncio.sleep(_INTERVAL_SECONDS)
        for server in routes.keys() - paths.keys():
            hop = routes[server].next_hop
            self._warn(None, server, f"{hop} does not answer, so its MAC address is not known")
        return paths

    def _judge(self, question: Question, answer: Answer | None) -> None:
        server, vip, port, _ = question
        if answer is Answer.HAS_IT:
            self._warn(
                vip,
                server,
                f"{server} answers {'ARP' if vip.version == 4 else 'NDP'} for {vip}: clients' "
                "packets go there past the directors",
                _THERE.format("setup", vip) + "sets that right",
            )
        elif port and answer is not Answer.ACCEPTS:
            refuses = answer is Answer.REFUSES
            self._warn(
                vip,
                server,
                f"{server} {'refuses connections' if refuses else 'does not answer'} to "
                f"{vip} port {port}, as clients would make them",
                _THERE.format("check", vip) + "says why",
            )

    def _warn(
        self, vip: IPAddress | None, server: IPAddress, what: str, advice: str | None = None
    ) -> None:
        place = self._places.get((vip, server)) or self._places[None, server]
        self._report.warning(place, what, advice)


def _knock(server: IPAddress) -> None:
    """Have the kernel find out a MAC address, without making it an entry to be kept."""
    family = socket.AF_INET6 if server.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as knocking, suppress(OSError):
        knocking.sendto(b"", (str(server), _DISCARD))

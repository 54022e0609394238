"""What a plan file, or options with the same keys, ask for: entries to a demand and a site."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface
from math import comb

from trimaran.model.service import Protocol
from trimaran.plan.addresses import addresses, host_address, looks_like_address, weighted_addresses
from trimaran.plan.directors import Service, Site
from trimaran.plan.entries import DemandError, Entry, Section
from trimaran.plan.priorities import MOST_VRIDS
from trimaran.plan.problem import Demand, Host, Normal, Objective
from trimaran.plan.units import amount, packet_rate, rate, share, weight

MOST_HOSTS = 64
"""More directors than this on one segment are not planned."""

_MOST_LOSSES = 50_000
_KEYS = (
    *("survive", "traffic", "objective", "normal", "max_load", "vips", "hosts", "host", "link"),
    *("domains", "packets", "host_packets", "connections", "host_connections"),
    *("both_directions", "addresses", "interface", "first_vrid", "real_servers", "service"),
)
_HOST_KEYS = ("name", "link", "domain", "packets", "connections")
_SERVICE_KEYS = ("port", "protocol", "real_servers")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_INTERFACE = re.compile(r"[^\s/:{}\"'#!]{1,15}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be planned, and what the configurations need besides."""

    demand: Demand
    site: Site


def read(asked: Section) -> Request:
    """The demand and the site that the entries mean. Raises DemandError."""
    asked.only(_KEYS)
    traffic = asked["traffic"].number(rate, "1.5G") if "traffic" in asked else None
    packets = asked["packets"].number(packet_rate, "1.9M") if "packets" in asked else None
    hosts = _with_domains(_hosts(asked), asked)
    vips, pool = _vips(asked)
    said = asked.get("domains")
    survive_domains = said.section("[domains]").get("survive") if said else None
    has_domains = any(host.domain for host in hosts)
    objective = _objective(asked, vips)
    try:
        demand = Demand(
            hosts=hosts,
            survive=_whole(asked, "survive", 0, MOST_HOSTS, 1),
            traffic=traffic,
            vips=vips,
            objective=objective,
            normal=Normal(asked["normal"].choice(Normal)) if "normal" in asked else None,
            max_load=asked["max_load"].number(share, "80%") if "max_load" in asked else Fraction(1),
            survive_domains=survive_domains.whole(0, MOST_HOSTS)
            if survive_domains
            else int(has_domains),
            packets=packets,
            connections=_whole_amount(asked["connections"]) if "connections" in asked else None,
            both_directions=_flag(asked, "both_directions"),
        )
    except ValueError as error:
        raise DemandError(f"{asked.title}: {error}") from None
    _check_size(demand, asked)
    return Request(demand, _site(asked, pool))


def _check_size(demand: Demand, asked: Section) -> None:
    """Every loss is tried: refuse so many that it would take minutes."""
    domains = [host.domain for host in demand.hosts if host.domain is not None]
    sizes = sorted((domains.count(name) for name in set(domains)), reverse=True)
    states = comb(len(demand.hosts), demand.survive)
    states += comb(len(sizes), demand.survive_domains)
    if demand.objective is Objective.BALANCED:  # judged in every part of a domain too
        states += 2 ** sum(sizes[: demand.survive_domains])
    if states > _MOST_LOSSES:
        raise DemandError(
            f"{asked.title}: about {states:.2g} losses would have to be tried: plan for fewer "
            "hosts, fewer losses or smaller failure domains"
        )


def _objective(asked: Section, vips: int | tuple[Fraction, ...] | None) -> Objective:
    """Who gives the VIPs asks for their least peak, unless something else is said."""
    if "objective" in asked:
        return Objective(asked["objective"].choice(Objective))
    return Objective.BALANCED if vips is None else Objective.PEAK


def _hosts(asked: Section) -> tuple[Host, ...]:
    if "host" in asked and "hosts" in asked:
        raise asked["hosts"].refuse("hosts are counted here and named elsewhere: do one of both")
    if "host" in asked:
        named = asked["host"].items()
        return tuple(_host(entry, asked) for entry in named)
    if "hosts" not in asked:
        raise DemandError(
            f"{asked.title}: there are no hosts: say how many (hosts), or name them (host)"
        )
    count = asked["hosts"].whole(1, MOST_HOSTS)
    return tuple(_limits(f"lb{i + 1}", asked, Section({}, "")) for i in range(count))


def _host(entry: Entry, asked: Section) -> Host:
    section = entry.section('[[host]] with name = "lb1", link = "1G"').only(_HOST_KEYS)
    if "name" not in section:
        raise entry.refuse('a host needs a name: write name = "lb1"')
    name = section["name"].text("lb1")
    if not _NAME.fullmatch(name):
        raise section["name"].refuse(
            f"'{name}' is no name of a host: write letters, digits, '.', '-' and '_'"
        )
    return _limits(name, asked, section)


def _limits(name: str, asked: Section, section: Section) -> Host:
    """A host with what it says of itself, else what is said for all."""
    link = section.get("link") or asked.get("link")
    if link is None and ("traffic" in asked or _has_links(asked)):
        raise DemandError(
            f"{asked.title}: host {name} has no link speed: say one for all (link), or its own"
        )
    packets = section.get("packets") or asked.get("host_packets")
    connections = section.get("connections") or asked.get("host_connections")
    return Host(
        name,
        link.number(rate, "1G") if link else Fraction(1),
        section["domain"].text("rack-a") if "domain" in section else None,
        packets.number(packet_rate, "1.9M") if packets else None,
        _whole_amount(connections) if connections else None,
    )


def _has_links(asked: Section) -> bool:
    named = asked["host"].items() if "host" in asked else []
    return any(isinstance(host.value, Section) and "link" in host.value for host in named)


def _with_domains(hosts: tuple[Host, ...], asked: Section) -> tuple[Host, ...]:
    """The hosts with the domains that [domains] puts them in: `rack-a = ["lb1", "lb2"]`."""
    if "domains" not in asked:
        return hosts
    by_name = {host.name: host for host in hosts}
    for domain, entry in asked["domains"].section("[domains]").items():
        if domain == "survive":
            continue
        for member in _members(entry):
            name = member.text("lb1")
            if name not in by_name:
                known = ", ".join(by_name)
                raise member.refuse(f"there is no host '{name}': known are {known}")
            host = by_name[name]
            if host.domain not in (None, domain):
                raise member.refuse(f"host {name} is in two domains, {host.domain} and {domain}")
            by_name[name] = _in_domain(host, domain)
    return tuple(by_name[host.name] for host in hosts)


def _members(entry: Entry) -> list[Entry]:
    if not isinstance(entry.value, list) or not entry.value:
        raise entry.refuse('a domain is a list of hosts: write rack-a = ["lb1", "lb2"]')
    return entry.items()


def _in_domain(host: Host, domain: str) -> Host:
    return Host(host.name, host.link, domain, host.packets, host.connections)


def _vips(
    asked: Section,
) -> tuple[int | tuple[Fraction, ...] | None, tuple[IPv4Interface, ...]]:
    """The number of VIPs or their weights, if said; and addresses for them, if said."""
    pool = addresses(asked["addresses"]) if "addresses" in asked else ()
    if "vips" not in asked:
        return None, pool
    entry = asked["vips"]
    texts = [item.text("a number, weights or addresses") for item in entry.items()]
    if not texts:
        raise entry.refuse("an empty list: write a number, weights or addresses")
    if any(map(looks_like_address, texts)):
        if pool:
            raise entry.refuse("the VIPs have addresses here and elsewhere: remove one")
        vips, weights = weighted_addresses(
            [
                Entry(part, item.place)
                for item in entry.items()
                for part in str(item.value).split(",")
            ]
        )
        return weights or len(vips), vips
    if isinstance(entry.value, list):
        return tuple(item.number(weight, "0.3") for item in entry.items()), pool
    count = entry.text("a number of VIPs, weights or addresses")
    if not re.fullmatch(r"-?[0-9]{1,9}", count):
        raise entry.refuse(f"'{count}' is no number of VIPs: write 6, or addresses")
    if not 1 <= int(count) <= MOST_VRIDS:
        raise entry.refuse(
            f"{count} VIPs: write 1 to {MOST_VRIDS}, the VRIDs of a segment and address family"
        )
    return int(count), pool


def _site(asked: Section, pool: tuple[IPv4Interface, ...]) -> Site:
    interface = asked["interface"].text("eth0") if "interface" in asked else "eth0"
    if not _INTERFACE.fullmatch(interface) or interface in (".", ".."):
        raise asked["interface"].refuse(f"'{interface}' is not a name of an interface")
    return Site(
        addresses=pool,
        interface=interface,
        services=_services(asked),
        first_vrid=_whole(asked, "first_vrid", 1, MOST_VRIDS, 1),
    )


def _services(asked: Section) -> tuple[Service, ...]:
    blocks = asked["service"].items() if "service" in asked else []
    found = [(entry, _service(entry)) for entry in blocks]
    if "real_servers" in asked:
        found += [(asked["real_servers"], service) for service in _short(asked["real_servers"])]
    seen: set[tuple[Protocol, int]] = set()
    for entry, service in found:
        if (service.protocol, service.port) in seen:
            raise entry.refuse(f"service {service.protocol} {service.port} is named twice")
        seen.add((service.protocol, service.port))
        if len(set(service.real_servers)) < len(service.real_servers):
            raise entry.refuse(f"service {service.port}: a real server is named twice")
    return tuple(service for _, service in found)


def _service(entry: Entry) -> Service:
    section = entry.section("[[service]] with port and real_servers").only(_SERVICE_KEYS)
    for key in ("port", "real_servers"):
        if key not in section:
            raise entry.refuse(f"a service needs {key}")
    servers = section["real_servers"].items()
    protocol = section["protocol"].choice(Protocol) if "protocol" in section else Protocol.TCP
    return Service(
        section["port"].whole(1, 65535),
        tuple(host_address(item, item.text("192.168.1.201")) for item in servers),
        Protocol(protocol),
    )


def _short(entry: Entry) -> list[Service]:
    """`192.168.1.201:80`: TCP services, one for each port. Direct routing keeps ports."""
    by_port: dict[int, list[IPv4Address]] = {}
    for item in entry.items():
        text = item.text("192.168.1.201:80")
        address, colon, port = text.rpartition(":")
        if not colon:
            raise item.refuse(f"'{text}' has no port: write {text}:80")
        number = Entry(port, item.place).whole(1, 65535)
        by_port.setdefault(number, []).append(host_address(item, address))
    return [Service(port, tuple(servers)) for port, servers in by_port.items()]


def _whole(asked: Section, key: str, least: int, most: int, default: int) -> int:
    return asked[key].whole(least, most) if key in asked else default


def _whole_amount(entry: Entry) -> int:
    value = entry.number(amount, "3M")
    if value.denominator != 1:
        raise entry.refuse(f"'{entry.value}' is not a whole number")
    return int(value)


def _flag(asked: Section, key: str) -> bool:
    if key not in asked:
        return False
    value = asked[key].value
    if not isinstance(value, bool):
        raise asked[key].refuse(f"'{value}' is no answer: write true or false")
    return value


def overlaid(below: Mapping[str, Entry], above: Mapping[str, Entry], title: str) -> Section:
    """What options say over what a file says: a key said twice is as the option has it."""
    kept = dict(below)
    if "hosts" in above or "host" in above:
        kept.pop("hosts", None)
        kept.pop("host", None)
    return Section({**kept, **above}, title)

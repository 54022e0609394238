"""Transcripts of a VRRP machine: what happened and when, and what it did about it.

A line is `SECONDS EVENT` and is followed by the actions it must cause, one `-> ...` each:

    0        up 192.168.1.102
    0        start
             -> remove 192.168.1.10
             -> INIT to BACKUP: started
    3.805    timer

Events: up ADDRESS, down WHY, start, tracked [NAME...] (interfaces that are down), found
[KIND NAME VALUE...], missing ADDRESS, suspended SECONDS, become ROUTER, stop, leave (a stop with a
hand-over), failover, maintenance on|off, heard PRIORITY from ADDRESS [KEY=VALUE...], timer
(exactly when due), late timer; of the sync group: fault WHY, well, promoted, demoted WHY.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from textwrap import dedent

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import SECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Reading, Tracker, TrackerKind, interface
from trimaran.vrrp import actions, events
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Advertisement, Received

VIP = VirtualAddress(IPv4Address("192.168.1.10"), 24, "eth1", "eth1:10")
ROUTER = VirtualRouter(name="ip1", interface="eth1", vrid=1, addresses=(VIP,))

LB1 = replace(ROUTER, priority=100)
"""192.168.1.101. How it becomes backup, then master:"""
BACKUP = """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
"""
MASTER = (
    BACKUP
    + """\
3.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
"""
)


def play(router: VirtualRouter, story: str, **others: VirtualRouter) -> Machine:
    """Run a story on a fresh machine; the transcript of what it does must equal the story."""
    machine = Machine(router)
    story = dedent(story).strip()
    transcript: list[str] = []
    settings = router
    for line in story.splitlines():
        if line.lstrip().startswith("->"):
            continue
        transcript.append(line)
        words = line.split("#")[0].split()
        if not words:
            continue
        now = round(float(words[0]) * SECOND)
        if words[1:] == ["timer"]:
            assert machine.deadline() == now, f"{line}: due at {_seconds(machine.deadline())}"
        event = _event(router, words[1:], others)
        done = machine.handle(event, now)
        if isinstance(event, events.Reconfigured):
            settings = event.router
        transcript += [f"{'':9}-> {_describe(action, settings)}" for action in done]
    assert "\n".join(transcript) == story
    return machine


def _event(
    router: VirtualRouter, words: list[str], others: Mapping[str, VirtualRouter]
) -> events.Event:
    match words:
        case ["up", address]:
            return events.InterfaceUp(IPv4Address(address))
        case ["down", *why]:
            return events.InterfaceDown(" ".join(why))
        case ["start"]:
            return events.Started()
        case ["tracked", *names]:
            return events.TrackersChanged({interface(name).tracker: False for name in names})
        case ["found", *readings]:
            return events.TrackersChanged(dict(_readings(readings)))
        case ["fault", *why]:
            return events.GroupFault(" ".join(why))
        case ["well"]:
            return events.GroupFault(None)
        case ["promoted"]:
            return events.Promoted()
        case ["demoted", *why]:
            return events.Demoted(" ".join(why))
        case ["missing", address]:
            return events.AddressMissing(IPv4Address(address))
        case ["become", name]:
            return events.Reconfigured(others[name])
        case ["stop"]:
            return events.Shutdown()
        case ["leave"]:
            return events.Shutdown(hand_over=True)
        case ["suspended", seconds]:
            return events.Suspended(round(float(seconds) * SECOND))
        case ["failover"]:
            return events.Failover()
        case ["maintenance", state]:
            return events.Maintenance(state == "on")
        case ["timer"] | ["late", "timer"]:
            return events.TimerExpired()
        case ["heard", priority, "from", sender, *settings]:
            return Received(_heard(router, int(priority), settings), IPv4Address(sender))
    raise ValueError(f"no such event: {' '.join(words)}")


def _readings(words: list[str]) -> Iterator[tuple[Tracker, Reading]]:
    for kind, name, value in zip(words[::3], words[1::3], words[2::3], strict=True):
        reading = {"yes": True, "no": False}.get(value)
        yield Tracker(TrackerKind(kind), name), int(value) if reading is None else reading


def _heard(router: VirtualRouter, priority: int, settings: list[str]) -> Advertisement:
    heard = Advertisement(
        router.version,
        router.vrid,
        priority,
        router.advertisement_interval,
        tuple(a.address for a in router.addresses),
        router.password,
    )
    for key, value in (setting.split("=") for setting in settings):
        match key:
            case "interval":
                heard = replace(heard, interval=round(float(value) * SECOND))
            case "version":
                heard = replace(heard, version=int(value))
            case "addresses":
                addresses = tuple(IPv4Address(a) for a in value.split(","))
                heard = replace(heard, addresses=addresses)
            case "password":
                heard = replace(heard, password=None if value == "none" else value.encode())
            case _:
                raise ValueError(key)
    return heard


def _describe(action: actions.Action, router: VirtualRouter) -> str:
    match action:
        case actions.SendAdvertisement(advertisement, source):
            usual = advertisement.interval == router.advertisement_interval
            every = "" if usual else f" every {advertisement.interval / SECOND:g} s"
            return f"advertise {advertisement.priority} as {source}{every}"
        case actions.HandoverEnded(successor):
            return f"handed over to {successor or 'nobody'}"
        case actions.AddAddresses(addresses):
            return f"add {_names(addresses)}"
        case actions.RemoveAddresses(addresses):
            return f"remove {_names(addresses)}"
        case actions.Announce(addresses, repeat):
            return f"announce {_names(addresses)} x{repeat}"
        case actions.StateChanged(old, new, reason):
            return f"{old} to {new}: {reason}"
        case actions.PriorityChanged(old_priority, new_priority, reason):
            return f"priority {old_priority} to {new_priority}: {reason}"
        case actions.LowerPriorityReceived():
            return "lower priority received"
        case actions.Warn(text):
            return f"warn: {text}"


def _names(addresses: tuple[VirtualAddress, ...]) -> str:
    return ", ".join(str(a.address) for a in addresses)


def _seconds(instant: int | None) -> str:
    return "never" if instant is None else f"{instant / SECOND:.9f}"

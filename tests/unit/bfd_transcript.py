"""Transcripts of a BFD machine: what happened and when, and what it did about it.

A line is `SECONDS EVENT` and is followed by the actions it must cause, one `-> ...` each:

    0        start
             -> send Down 1/0
    0.1      heard Down 7/0
             -> Down to Init: the neighbour says Down
             -> send Init 1/7

Packets are `STATE MINE/YOURS`, then what is not as usual: `poll`, `final`, `diag=N`, `tx=MS`,
`rx=MS`, `mult=N`, `demand`, `ttl=N`. Usual are 1000 ms and multiplier 3 of the neighbour's, and
what the session tells while it is not up. There is no jitter unless a story asks for it.

Events: start, heard PACKET, timer (exactly when due), late timer, become SESSION, stop.
"""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from textwrap import dedent

from trimaran.bfd import actions, events
from trimaran.bfd.machine import Machine
from trimaran.bfd.packet import ControlPacket, State
from trimaran.model.bfd import BfdSession
from trimaran.model.duration import MILLISECOND, SECOND

SESSION = BfdSession("path", IPv4Address("192.168.1.102"))


def play(session: BfdSession, story: str, *, chance: float = 0.0, **others: BfdSession) -> Machine:
    """Run a story on a fresh machine; the transcript of what it does must equal the story."""
    machine = Machine(session, 1, lambda: chance)
    story = dedent(story).strip()
    transcript: list[str] = []
    for line in story.splitlines():
        if line.lstrip().startswith("->"):
            continue
        transcript.append(line)
        words = line.split("#")[0].split()
        now = round(float(words[0]) * SECOND)
        if words[1:] == ["timer"]:
            assert machine.deadline() == now, f"{line}: due at {machine.deadline()}"
        done = machine.handle(_event(words[1:], others), now)
        transcript += [f"{'':9}-> {_describe(action, session)}" for action in done]
    assert "\n".join(transcript) == story
    return machine


def _event(words: list[str], others: Mapping[str, BfdSession]) -> events.Event:
    match words:
        case ["start"]:
            return events.Started()
        case ["heard", state, discriminators, *settings]:
            return _heard(State(state), discriminators, settings)
        case ["timer"] | ["late", "timer"]:
            return events.TimerExpired()
        case ["become", name]:
            return events.Reconfigured(others[name])
        case ["stop"]:
            return events.Shutdown()
    raise ValueError(f"no such event: {' '.join(words)}")


def _heard(state: State, discriminators: str, settings: list[str]) -> events.Received:
    mine, yours = map(int, discriminators.split("/"))
    packet = ControlPacket(state, mine, yours, SECOND, SECOND, 3)
    ttl = 255
    for setting in settings:
        key, _, value = setting.partition("=")
        match key:
            case "poll" | "final" | "demand":
                packet = replace(packet, **{key: True})
            case "diag":
                packet = replace(packet, diagnostic=int(value))
            case "tx":
                packet = replace(packet, desired_min_tx=int(value) * MILLISECOND)
            case "rx":
                packet = replace(packet, required_min_rx=int(value) * MILLISECOND)
            case "mult":
                packet = replace(packet, multiplier=int(value))
            case "ttl":
                ttl = int(value)
            case _:
                raise ValueError(key)
    return events.Received(packet, ttl)


def _describe(action: actions.Action, session: BfdSession) -> str:
    match action:
        case actions.SendPacket(packet):
            return f"send {_packet(packet, session)}"
        case actions.StateChanged(old, new, reason):
            return f"{old} to {new}: {reason}"
        case actions.Missed(reason):
            return f"missed: {reason}"
        case actions.Warn(text):
            return f"warn: {text}"


def _packet(packet: ControlPacket, session: BfdSession) -> str:
    words = [packet.state.value, f"{packet.my_discriminator}/{packet.your_discriminator}"]
    words += [name for name in ("poll", "final", "demand") if getattr(packet, name)]
    if packet.diagnostic:
        words.append(f"diag={int(packet.diagnostic)}")
    if packet.desired_min_tx != session.idle_tx:
        words.append(f"tx={packet.desired_min_tx // MILLISECOND}")
    if packet.required_min_rx != session.required_min_rx:
        words.append(f"rx={packet.required_min_rx // MILLISECOND}")
    if packet.multiplier != session.multiplier:
        words.append(f"mult={packet.multiplier}")
    return " ".join(words)

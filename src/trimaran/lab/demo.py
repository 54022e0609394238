"""`trimaran lab demo`: the exercise on real packets; every check is of what was measured."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TextIO

from trimaran.daemon.pace import SLOWNESS
from trimaran.lab import lab as labs
from trimaran.lab import record
from trimaran.lab.errors import LabError
from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.listings import ConnectionLine, connection_lines, destination_counts
from trimaran.lab.probe import INTERVAL, Attempt
from trimaran.lab.standing import standing
from trimaran.lab.story import Story
from trimaran.lab.topology import Dataplane
from trimaran.lab.traces import check_none_left
from trimaran.lab.traffic import Traffic, outage
from trimaran.model.check import NetworkCheck
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.vrrp.timers import master_down_interval, skew_time

_CURLS = 10

_MARGIN = round(250 * MILLISECOND * SLOWNESS)
"""What the takeover's own work, the probe's grid and a busy machine may add to a bound."""

_HANDOVER = round(250 * MILLISECOND * SLOWNESS)
"""The longest outage that a handover between two living directors may cost."""

_GOOD = max(round(0.8 / INTERVAL), 4)
"""So many attempts in a row are a good second: at least enough for each server to be met."""


def run(
    prefix: str,
    outputs: Sequence[TextIO],
    programs: Sequence[str] = (),
    dataplane: Dataplane | None = None,
) -> bool:
    """Tell and check the exercise in a lab of its own; whether all was as it should be.

    `programs` and `dataplane`: what the directors run, as in `lab.up`. Raises `LabError` if the
    lab cannot be made: then nothing has been shown.
    """
    begin = time.monotonic()
    story = Story(outputs)
    lab = labs.up(prefix, programs=programs, dataplane=dataplane)
    made = record.read(lab.directory)
    try:
        story.title("trimaran lab demo: two directors, one virtual IP, two real servers")
        _Demo(lab, story).tell()
    except LabError as error:
        story.check(False, str(error))
    finally:
        lab.down()
    check_none_left(story, lab, made)
    story.end(time.monotonic() - begin)
    return story.failures == 0


class _Demo:
    def __init__(self, lab: Lab, story: Story) -> None:
        self._lab = lab
        self._story = story
        self._client, self._lb1, self._lb2 = map(lab.host, ("client", "lb1", "lb2"))
        self._web1 = lab.host("web1")
        self._vip = self._lb1.config.virtual_services[0].key.address

    def tell(self) -> None:
        """Every step, in order."""
        self._directors_start()
        ports = self._ten_curls("Ten requests from the client to the virtual IP")
        self._tables(ports)
        self._master_dies()
        ports = self._ten_curls("Ten requests again, through lb2")
        self._backup_table(ports)
        self._master_returns()
        self._server_fails_and_returns()

    def _run(self, host: LabHost, *command: str) -> str:
        """Show a command, run it, and return what it printed."""
        self._story.command(" ".join(host.command(command)))
        return host.output(command)

    def _service(self, host: LabHost) -> None:
        """Show the command that starts a host's service."""
        self._story.command(" ".join([*host.command(host.service_command), "&"]))

    def _verb(self, *words: str) -> None:
        prefix = [] if self._lab.prefix == labs.DEFAULT_PREFIX else ["--prefix", self._lab.prefix]
        self._story.command(" ".join(["trimaran", "lab", *words, *prefix]))

    def _directors_start(self) -> None:
        self._story.step("The real servers and the directors start; lb1 is elected")
        for host in (*self._lab.web_servers, *self._lab.directors):
            self._service(host)
        begin = time.monotonic()
        self._lab.start_services()
        self._lab.wait_settled()
        self._story.say(f"An election and the first checks took {time.monotonic() - begin:.1f} s.")
        shown = self._run(self._lb1, "ip", "-brief", "address", "show", "dev", "eth1")
        self._story.show([shown])
        self._story.check(
            self._lb1.holds(self._vip) and not self._lb2.holds(self._vip),
            f"lb1 is master: it holds {self._vip}; lb2 does not",
        )

    def _ten_curls(self, heading: str) -> set[str]:
        """Show that ten connections alternate; return their clients' addresses and ports."""
        self._story.step(heading)
        command = ["curl", "-s", "-m", f"{5 * SLOWNESS:g}", "-w", r"%{local_port}\n"]
        command.append(f"http://{self._vip}/")
        self._story.command(
            f"for i in $(seq {_CURLS}); do ip netns exec "
            f"{self._client.namespace} curl -s http://{self._vip}/; done"
        )
        answers, sources = [], set()
        for _ in range(_CURLS):
            answer, port = self._client.output(command).split("\n")[:2]
            answers.append(answer)
            sources.add(f"{self._client.address}:{port}")
        self._story.show(answers)
        expected = {"RealServer 1", "RealServer 2"}
        good = all({a, b} == expected for a, b in pairwise(answers))
        self._story.check(good, "round robin: each request went to the other server than the last")
        return sources

    def _tables(self, sources: set[str]) -> None:
        self._story.step("What the directors know of these connections")
        listing = self._run(self._lb1, *self._lb1.ipvsadm, "-Lnc")
        self._story.show(listing.splitlines())
        lines = connection_lines(listing)
        waiting = sum(_waits(line) for line in lines)
        self._story.check(
            {line.source for line in lines} == sources and len(lines) == waiting == _CURLS,
            f"lb1 has these ten connections, {waiting} in FIN_WAIT with at most 120 s to live",
        )
        listing = self._run(self._lb2, *self._lb2.ipvsadm, "-Lnc")
        self._story.show(listing.splitlines())
        self._story.check(not connection_lines(listing), "lb2, the backup, has none")
        listing = self._run(self._lb1, *self._lb1.ipvsadm, "-Ln")
        self._story.show(listing.splitlines())
        counts = destination_counts(listing)
        self._story.check(
            len(counts) == 2 and set(counts.values()) == {(0, _CURLS // 2)},
            f"no active and {_CURLS // 2} inactive connections on each server",
        )
        self._story.say(
            "InActConn lingers because in direct routing the director sees only the client's half "
            "of a connection, so an entry lives until FIN_WAIT's 120 s end."
        )

    def _master_dies(self) -> None:
        self._story.step("lb1 dies: every process is killed (-9), its cable is cut")
        router = self._lb2.config.virtual_routers[0]
        interval, priority = router.advertisement_interval, router.priority
        bound = master_down_interval(router.version, priority, interval)
        skew = skew_time(router.version, priority, interval)
        self._story.say(
            f"The client probes all the while: every {INTERVAL * 1000:g} ms a new connection."
        )
        with self._probe() as traffic:
            self._verb("kill", "lb1")
            self._lb1.kill()
            died = time.monotonic_ns()
            wait_until("a good second after the outage", lambda: _good_since(traffic, died), 15)
        gap = outage(traffic.attempts())
        self._story.check(
            gap is not None and gap.duration <= bound + _MARGIN,
            f"the client's outage: {_seconds(gap.duration if gap else 0)}, "
            f"{gap.failed if gap else 0} of {len(traffic.attempts())} connections failed",
        )
        self._story.say(
            f"The protocol's bound: 3 x advert_int + skew = 3 x {_seconds(interval)} + "
            f"{_seconds(skew)} = {_seconds(bound)} after lb1's last advertisement "
            f"(skew = (256 - priority {priority}) / 256)."
        )
        self._story.say(f"Allowed on top, for the takeover and the probe: {_seconds(_MARGIN)}.")
        shown = self._run(self._lb2, "ip", "-brief", "address", "show", "dev", "eth1")
        self._story.show([shown])
        self._story.check(self._lb2.holds(self._vip), f"lb2 holds {self._vip}")

    def _backup_table(self, sources: set[str]) -> None:
        list_connections = [*self._lb2.ipvsadm, "-Lnc"]
        listing = self._lb2.output(list_connections)
        lines = connection_lines(listing)
        waiting = sum(_waits(line) for line in lines if line.source in sources)
        ports = "|".join(sorted(source.rpartition(":")[2] for source in sources))
        command = " ".join(self._lb2.command(list_connections))
        self._story.command(f"{command} | grep -E ':({ports})'")
        self._story.show(
            line for line in listing.splitlines() if sources.intersection(line.split())
        )
        self._story.check(
            waiting == _CURLS,
            f"lb2's table has these ten in FIN_WAIT, besides {len(lines) - waiting} of the probe",
        )

    def _master_returns(self) -> None:
        self._story.step("lb1 is back and preempts: its priority is higher")
        with self._probe() as traffic:
            healed = time.monotonic_ns()
            self._verb("heal", "lb1")
            self._lb1.heal()
            self._lab.wait_settled()
            took = time.monotonic_ns() - healed
            wait_until("a good second", lambda: _good_since(traffic, healed + took), 15)
        gap = outage(traffic.attempts())
        self._story.say(f"lb1 is master again {_seconds(took)} after its start.")
        self._story.check(
            gap is None or gap.duration <= _HANDOVER,
            f"the client's outage: {_seconds(gap.duration) if gap else 'none'}, "
            f"{gap.failed if gap else 0} of {len(traffic.attempts())} connections failed "
            f"(allowed: {_seconds(_HANDOVER)})",
        )

    def _server_fails_and_returns(self) -> None:
        self._story.step("The nginx of web1 stops; later it starts again")
        check = self._lb1.config.virtual_services[0].real_servers[0].checks[0]
        assert isinstance(check, NetworkCheck)
        once = check.connect_timeout
        leave = check.timing.delay_loop + once
        leave += check.timing.retry * (check.timing.delay_before_retry + once)
        enter = check.timing.delay_loop + once
        with self._probe() as traffic:
            self._story.command(f"kill $(cat {self._web1.directory}/nginx.pid)")
            stopped = time.monotonic_ns()
            self._web1.stop_service()
            out = self._wait_server("web1 leaves the service", up=False, within=leave)
            time.sleep(2)
            now = time.monotonic_ns()
            gone = traffic.attempts(since=out)
            failed = sum(not a.ok for a in traffic.attempts(since=stopped) if a.start < out)
            self._story.check(
                out - stopped <= leave + _MARGIN,
                f"lb1 took web1 out {_seconds(out - stopped)} after it stopped; the check's time "
                f"is at most {_seconds(leave)}",
            )
            self._story.say(
                f"(delay_loop + connect_timeout, and once more delay_before_retry + "
                f"connect_timeout. Until then {failed} connections were refused.)"
            )
            self._story.check(
                bool(gone) and all(a.answer == "RealServer 2" for a in gone),
                f"since then all {len(gone)} connections in {_seconds(now - out)} were answered "
                "by RealServer 2",
            )
            self._service(self._web1)
            started = time.monotonic_ns()
            self._web1.start_service()
            back = self._wait_server("web1 is back in service", up=True, within=enter)
            wait_until("a good second", lambda: _good_since(traffic, back), 5)
        self._story.check(
            back - started <= enter + _MARGIN,
            f"lb1 took web1 in {_seconds(back - started)} after its start; at most "
            f"{_seconds(enter)}",
        )
        answers = [a.answer for a in traffic.attempts(since=back)]
        shares = {f"RealServer {n}": answers.count(f"RealServer {n}") for n in (1, 2)}
        failed = sum(not a.ok for a in traffic.attempts(since=out))
        self._story.check(
            all(shares.values()) and not failed,
            f"both serve again ({shares['RealServer 1']} and {shares['RealServer 2']} answers); "
            f"since web1 was out, {failed} connections failed",
        )

    def _wait_server(self, what: str, *, up: bool, within: int) -> int:
        """Wait until lb1 says so of web1; the instant when it did."""
        address = str(self._web1.address)

        def said() -> bool:
            now = standing(self._lb1)
            return now is not None and now.servers[address] is up

        wait_until(what, said, within / SECOND + 5)
        return time.monotonic_ns()

    def _probe(self) -> Traffic:
        return Traffic(self._client, self._vip)


def _waits(line: ConnectionLine) -> bool:
    minutes, seconds = map(int, line.expire.split(":"))
    return line.state == "FIN_WAIT" and minutes * 60 + seconds <= 120


def _good_since(traffic: Traffic, instant: int) -> bool:
    """Whether a whole second of good attempts, as new as can be, lies after the instant."""
    latest: Sequence[Attempt] = traffic.attempts(since=instant)[-_GOOD:]
    return len(latest) == _GOOD and all(attempt.ok for attempt in latest)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / SECOND:.3f} s"

"""From a file's bytes to its meaning, or to all that is wrong with it. No file is opened."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from trimaran.conf.bfd import bfd_sessions
from trimaran.conf.checks import hand_down
from trimaran.conf.diagnostics import Diagnostic, Severity, Span
from trimaran.conf.groups import sync_groups
from trimaran.conf.lines import BINARY, Lines, decoded
from trimaran.conf.lints import report_vain_weights
from trimaran.conf.memory import Memory, Recollection
from trimaran.conf.notifications import channels, timed
from trimaran.conf.reading import read
from trimaran.conf.report import Abandoned, Report
from trimaran.conf.routers import report_absent_interfaces, virtual_routers
from trimaran.conf.routing import static_routing
from trimaran.conf.schema import Setting
from trimaran.conf.services import virtual_services
from trimaran.conf.surroundings import NOTHING_AROUND, Surroundings
from trimaran.conf.table import FILE
from trimaran.conf.table.bfd import BFD_INSTANCE
from trimaran.conf.table.globals import (
    ENABLE_SCRIPT_SECURITY,
    GLOBAL_DEFS,
    NET_NAMESPACE,
    ROUTER_ID,
    SCRIPT_USER,
)
from trimaran.conf.table.groups import VRRP_SYNC_GROUP
from trimaran.conf.table.notify import SHUTDOWN_SCRIPT, STARTUP_SCRIPT
from trimaran.conf.table.services import (
    LVS_SYNC_DAEMON,
    LVS_TIMEOUTS,
    RS_INIT_NOTIFIES,
    VIRTUAL_SERVER,
    VIRTUAL_SERVER_GROUP,
)
from trimaran.conf.table.timing import VRRP_DELAY_AFTER_BOOT, VRRP_STARTUP_DELAY
from trimaran.conf.table.vrrp import DYNAMIC_INTERFACES, VRRP_INSTANCE
from trimaran.conf.tokens import Source, Word
from trimaran.conf.trackers import known
from trimaran.conf.tree import Tree, parse
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.model.script import ScriptPolicy
from trimaran.model.sync import Synchronisation
from trimaran.model.timeouts import NO_TIMEOUTS


@dataclass(frozen=True, slots=True)
class Result:
    """What a file means, and what there is to say about it, in file order.

    `config` is None if there is any error. `said`: the statements, with their places.
    """

    config: Config | None
    diagnostics: tuple[Diagnostic, ...]
    said: Setting[bool] | None = field(default=None, compare=False, repr=False)


def refused(file: str, message: str, advice: str | None = None) -> Result:
    """The result for a file that cannot be judged line by line."""
    return Result(None, (Diagnostic(Severity.ERROR, Span(file), message, advice),))


def load(
    text: bytes,
    file: str,
    surroundings: Surroundings = NOTHING_AROUND,
    memory: Memory | None = None,
) -> Result:
    """Read a configuration. `file` is its name, for diagnostics and `include`. Never raises.

    `surroundings`: the files and names that it may refer to. `memory`: of an earlier reading, and
    for the next; what is known from it is not among what the file said.
    """
    if b"\0" in text:
        return refused(file, BINARY, "write a text file in keepalived.conf's language")
    memory = Memory() if memory is None else memory
    found = _read(text, file, surroundings, Recollection(memory))
    if found is None:
        found = _read(text, file, surroundings, Recollection(memory, blind=True))
    assert found is not None, "nothing was recalled"
    return found


def _read(
    text: bytes, file: str, surroundings: Surroundings, recollection: Recollection
) -> Result | None:
    """None if what was recalled may mean something else now; what is wrong with a file, only a
    reading of all of it says."""
    report = Report()
    config = said = None
    tree = Tree([], balanced=True)
    with suppress(Abandoned):
        if lines := decoded(text, file, 0, report):
            tree, said = _said(lines, surroundings, recollection, report)
            config = _config(said, recollection, report)
    if recollection.recalled and (config is None or not recollection.fits(tree)):
        return None
    if config is not None:
        recollection.keep(tree, report.in_file_order())
    elif not report.errors:
        empty = refused(file, "nothing is configured", "write a vrrp_instance or a virtual_server")
        return Result(None, empty.diagnostics + report.in_file_order(), said)
    return Result(config, report.in_file_order(), said)


def fitted(result: Result, interfaces: frozenset[str]) -> Result:
    """The result again, for a machine that has these interfaces: a file may name no others, but
    those of `use_vmac`, unless it says `dynamic_interfaces`."""
    report = Report()
    if result.config is not None:
        own = (router.virtual_mac for router in result.config.virtual_routers)
        interfaces |= {mac.device for mac in own if mac is not None}
    if result.said is not None and not _any_interface(result.said):
        report_absent_interfaces(
            result.said.all(VRRP_INSTANCE), result.said.all(VRRP_SYNC_GROUP), interfaces, report
        )
    found = report.in_file_order()
    config = None if found else result.config
    return replace(result, config=config, diagnostics=(*result.diagnostics, *found))


def _any_interface(said: Setting[bool]) -> bool:
    return any(block.last(DYNAMIC_INTERFACES) for block in said.all(GLOBAL_DEFS))


def _said(
    main: Source, surroundings: Surroundings, recollection: Recollection, report: Report
) -> tuple[Tree, Setting[bool]]:
    start = Word("", main, 1, 1, 1)
    file: Setting[bool] = Setting(start, start, ())
    lines = Lines(surroundings, report, recollection)
    tree = parse(lines.words(main), report)
    trusted = tree.balanced and lines.trusted
    read(tree.statements, FILE, file, report, trusted=trusted, known=recollection.recalled)
    return tree, file


def _config(file: Setting[bool], recollection: Recollection, report: Report) -> Config | None:
    global_defs: Setting[Any] = Setting(file.word, file.at, ())
    for block in file.all(GLOBAL_DEFS):
        global_defs.absorb(block)
    trackers = known(file, report)
    routers = virtual_routers(file.all(VRRP_INSTANCE), global_defs, trackers, report)
    groups, routers = sync_groups(file.all(VRRP_SYNC_GROUP), routers, trackers, global_defs, report)
    hand_down(file, global_defs, file.all(VIRTUAL_SERVER))
    groups_of_services = file.all(VIRTUAL_SERVER_GROUP)
    recollection.services = services = [
        *virtual_services(
            file.all(VIRTUAL_SERVER), groups_of_services, recollection.recalled, report
        )
    ]
    sessions = bfd_sessions(file.all(BFD_INSTANCE), report)
    synchronisation = _synchronisation(global_defs, routers, report)
    told = channels(global_defs, report)
    static = static_routing(file, report)
    report_vain_weights(file.all(VRRP_INSTANCE), file.all(VRRP_SYNC_GROUP), trackers, report)
    if report.errors:
        return None
    if not file.all(VRRP_INSTANCE) and not file.all(VIRTUAL_SERVER):
        return None
    timeouts = global_defs.get(LVS_TIMEOUTS) or NO_TIMEOUTS
    user, group = global_defs.get(SCRIPT_USER) or (None, None)
    scripts = ScriptPolicy(
        user, group, global_defs[ENABLE_SCRIPT_SECURITY], global_defs[RS_INIT_NOTIFIES]
    )
    return Config(
        global_defs.get(ROUTER_ID),
        routers,
        tuple(service for _, found in services for service in found),
        timeouts,
        scripts,
        synchronisation,
        file.get(NET_NAMESPACE),
        sessions,
        trackers.used(track for router in routers for track in router.tracked),
        groups,
        told,
        static,
        startup_delay=global_defs.get(VRRP_STARTUP_DELAY) or 0,
        delay_after_boot=global_defs.get(VRRP_DELAY_AFTER_BOOT) or 0,
        startup=timed(global_defs, STARTUP_SCRIPT),
        shutdown=timed(global_defs, SHUTDOWN_SCRIPT),
    )


def _synchronisation(
    global_defs: Setting[Any], routers: Sequence[VirtualRouter], report: Report
) -> Synchronisation | None:
    setting = global_defs.last(LVS_SYNC_DAEMON)
    if setting is None or setting.value is None:
        return None
    name = setting.value.instance
    if name is not None and name not in {router.name for router in routers}:
        report.error(
            setting.word,
            f"there is no vrrp_instance '{name}'",
            "write the name of one, or none: whoever holds an address tells",
        )
    return setting.value

"""What a dataplane whose process did not clean up has left in the kernel, and its removal."""

import logging
from pathlib import Path

from trimaran.daemon.service_note import ServiceNote
from trimaran.dataplane.base import DataplaneError

log = logging.getLogger("steward")


# What these need is costly to import, and seldom needed.


def remove_programs() -> None:
    """Take trimaran's XDP program off every interface. What fails is logged."""
    from trimaran.dataplane.xdp.attach import detach_all

    try:
        for interface in detach_all():
            log.warning("took the XDP program off %s: it was left behind", interface)
    except DataplaneError as error:
        log.error("%s", error)


def remove_services(path: Path) -> None:
    """Remove the services of the note (`ServiceNote`) from IPVS. What fails is logged."""
    note = ServiceNote(path)
    owned = note.read()
    if note.problem:
        log.error("%s", note.problem)
    if not owned:
        return
    from trimaran.dataplane.ipvs.operator import connect
    from trimaran.dataplane.ipvs.plane import IpvsDataplane

    try:
        dataplane = IpvsDataplane(connect(), owned=owned, note=note.write)
        for line in dataplane.release():
            log.warning("%s: it was left behind", line)
    except DataplaneError as error:
        log.error("%s", error)

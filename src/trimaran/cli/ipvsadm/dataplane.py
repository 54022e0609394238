"""Which dataplane ipvsadm works on."""

import errno
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from trimaran.daemon.rundir import control_socket, default_run_directory
from trimaran.dataplane.base import DataplaneError, Refused
from trimaran.dataplane.steps import Operator


class NotAttached(DataplaneError):
    """There is a dataplane, but no packet can reach it, nor can it be looked into."""


@contextmanager
def opened(choice: str, run_directory: Path | None) -> Iterator[Operator]:
    """The dataplane that is chosen; auto: the one that is active in this network namespace.

    That is a running XDP program of ours, else kernel IPVS. Raises `DataplaneError`.
    """
    with ExitStack() as stack:
        try:
            operator = stack.enter_context(_opened(choice, run_directory))
        except DataplaneError as error:
            if choice != "ipvs" and _xdp_is_held():
                raise NotAttached(
                    "a trimaran daemon runs here on XDP, but its program is attached to no "
                    "interface: none has a virtual address, or 'trimaran status' says why"
                ) from error
            raise
        yield operator


@contextmanager
def _opened(choice: str, run_directory: Path | None) -> Iterator[Operator]:
    directory = run_directory or default_run_directory()
    if choice == "xdp" or (choice == "auto" and _xdp_runs()):
        # Each is costly to import, and only one is needed.
        from trimaran.daemon.operating import open_xdp

        with open_xdp(control_socket(directory), _warn) as xdp:
            yield xdp
        return
    from trimaran.dataplane.ipvs.operator import IpvsOperator

    try:
        ipvs = IpvsOperator.open()
    except Refused as refused:
        if choice == "ipvs" and refused.errno != errno.EPERM:
            raise DataplaneError(str(refused)) from refused
        raise
    with closing(ipvs):
        yield ipvs


def _warn(line: str) -> None:
    print(f"ipvsadm: {line}", file=sys.stderr)


def _xdp_runs() -> bool:
    from trimaran.dataplane.xdp.loader import attached_programs

    try:
        return next(attached_programs(), None) is not None
    except Refused:
        return True  # one runs, but may not be looked into: let opening it say so


def _xdp_is_held() -> bool:
    from trimaran.dataplane.xdp.ownership import hold_tables

    try:
        hold_tables(0).close()
    except Refused:
        return True
    return False

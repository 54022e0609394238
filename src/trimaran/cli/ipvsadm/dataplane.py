"""Which dataplane ipvsadm works on."""

import errno
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from trimaran.daemon.rundir import control_socket, default_run_directory
from trimaran.dataplane.base import DataplaneError, Refused
from trimaran.dataplane.steps import Operator


@contextmanager
def opened(choice: str, run_directory: Path | None) -> Iterator[Operator]:
    """The dataplane that is chosen; auto: the one that is active in this network namespace.

    That is a running XDP program of ours, else kernel IPVS. Raises `DataplaneError`.
    """
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

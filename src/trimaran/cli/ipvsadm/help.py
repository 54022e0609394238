"""What -h and -v print. The help is in our own words; scripts read the version."""

from pathlib import Path
from string import Template
from typing import Final

VERSION: Final = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n"

_USAGE: Final = Path(__file__).with_name("usage.txt")


def usage(program: str) -> str:
    """The text of -h, for a program of this name."""
    return Template(_USAGE.read_text(encoding="ascii")).substitute(program=program)

"""Labs for network tests. Each has a prefix of its own, so that tests run beside `lab up`.

What a director logged is shown when its test fails.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import fresh_prefix

from trimaran.lab import lab as labs
from trimaran.lab import record
from trimaran.lab.lab import Lab


@pytest.fixture(scope="session", autouse=True)
def _sweep() -> None:
    """Take down what test runs that were killed have left."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for directory in record.ROOT.glob("trimaran-test-*-*"):
        if not Path("/proc", directory.name.split("-")[2]).exists():
            labs.down(directory.name)


def _lab(*, services: bool) -> Iterator[Lab]:
    with labs.running(fresh_prefix(), services=services) as lab:
        yield lab
        for director in lab.directors:
            print(f"--- {director.name}:\n{director.log}")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The exercise, settled: lb1 is master, both real servers are in service."""
    yield from _lab(services=True)


@pytest.fixture(scope="module")
def module_lab() -> Iterator[Lab]:
    """The same for all tests of a module that leave it as they found it."""
    yield from _lab(services=True)


@pytest.fixture
def bare_lab() -> Iterator[Lab]:
    """The exercise's hosts and network; no service runs."""
    yield from _lab(services=False)

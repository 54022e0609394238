"""Tests on Debian's own kernel, with its IPVS: `make test-vm` runs them inside the VM."""

import os
from pathlib import Path

import pytest

from trimaran.lab.vm.machine import MARK


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MARK not in os.environ:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                reason = "not in the VM: 'make test-vm' runs it there"
                item.add_marker(pytest.mark.skip(reason=reason))

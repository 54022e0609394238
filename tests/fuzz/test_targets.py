"""The targets of `fuzz.py`: the corpus, and a short run of each under atheris."""

import subprocess
import sys
from pathlib import Path

import pytest
from targets import TARGETS

HERE = Path(__file__).parent
INPUTS = sorted((HERE / "corpus").glob("*/*"))


def test_every_target_has_inputs_to_begin_with() -> None:
    assert {file.parent.name for file in INPUTS} == set(TARGETS)


@pytest.mark.parametrize("file", INPUTS, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_an_input_of_the_corpus(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


@pytest.mark.timeout(600)
def test_a_short_run_finds_nothing() -> None:
    """`make fuzz` runs longer."""
    command = [sys.executable, str(HERE / "fuzz.py"), "--seconds", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Done ") == len(TARGETS)

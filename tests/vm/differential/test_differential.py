"""Kernel IPVS and the XDP dataplane, with the same random histories: `traffic`, `judge`.

A few fixed seeds, or as many as there is time for: `make test-differential` sets the seconds
(TRIMARAN_DIFFERENTIAL_SECONDS) and the first seed (TRIMARAN_DIFFERENTIAL_SEED).
"""

import os
import time
from collections.abc import Iterator

import pytest
from families import FOUR, SIX
from judge import Difference, Judge, Stalled
from traffic import FOLD, History
from worlds import both

SECONDS = float(os.environ.get("TRIMARAN_DIFFERENTIAL_SECONDS", "0"))
FIRST_SEED = int(os.environ.get("TRIMARAN_DIFFERENTIAL_SEED", "1"))
FEW = 4
LENGTH = 120
"""Events of a history."""
MOST_STALLS = 100
"""Histories begun anew because the machine stood still."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with both() as (kernel, xdp):
        yield Judge(kernel, xdp)


@pytest.mark.timeout(SECONDS + 600)
def test_both_do_the_same(judge: Judge) -> None:
    differences = []
    begin = time.monotonic()
    seed = FIRST_SEED
    while time.monotonic() < begin + SECONDS if SECONDS else seed < FIRST_SEED + FEW:
        # Every third is of IPv6. Every fourth lives in a hurry: entries end, and are waited for.
        family = SIX if seed % 3 == 0 else FOUR
        history = History(seed, seed, family=family, short_lived=seed % 4 == 0)
        try:
            judge.run(history, LENGTH)
        except Stalled:
            judge.tally.stalls += 1
            assert judge.tally.stalls < MOST_STALLS, f"this machine stands still: {judge.tally}"
            continue
        except Difference as difference:
            differences.append(f"seed {seed}: {difference}")
            time.sleep(FOLD.seconds)  # so that the next seed's counts are its own
        seed += 1
    seconds = time.monotonic() - begin
    print(f"seeds {FIRST_SEED} to {seed - 1} in {seconds:.0f} s: {judge.tally}")
    assert not differences, f"{len(differences)} differences\n\n" + "\n\n".join(differences)

"""Open connections when the director that carries them dies, and when it comes back.

What `trimaran lab demo survival` shows, with fewer connections.
"""

import io

import pytest
from watching import fresh_prefix

from trimaran.lab import survival
from trimaran.lab.lab import Lab
from trimaran.lab.story import Story
from trimaran.lab.survival import ADDED, MAGLEV, NEITHER, REMOVED, SYNCHRONISED, Variant

CONNECTIONS, DOWNLOADS = 150, 4


def attempt(lab: Lab, variant: Variant) -> survival.Outcome:
    told = io.StringIO()
    story = Story([told])
    outcome = survival.attempt(lab, variant, CONNECTIONS, DOWNLOADS, story)
    for director in lab.directors:
        print(f"--- {director.name}:\n{director.log}")
    assert not story.failures, told.getvalue()
    return outcome


def test_synchronised_connections_outlive_their_director_and_its_return(bare_lab: Lab) -> None:
    outcome = attempt(bare_lab, SYNCHRONISED)
    assert (outcome.lost, outcome.whole) == (0, DOWNLOADS)


def test_maglev_needs_no_synchronisation(bare_lab: Lab) -> None:
    outcome = attempt(bare_lab, MAGLEV)
    assert (outcome.lost, outcome.whole) == (0, DOWNLOADS)


def test_without_either_connections_are_lost(bare_lab: Lab) -> None:
    assert attempt(bare_lab, NEITHER).lost > CONNECTIONS // 4


@pytest.mark.long
@pytest.mark.parametrize("variant", [REMOVED, ADDED], ids=["removed", "added"])
def test_with_another_server_only_the_necessary_share_is_lost(
    bare_lab: Lab, variant: Variant
) -> None:
    attempt(bare_lab, variant)


@pytest.mark.long
def test_the_demo_tells_all_of_it() -> None:
    told = io.StringIO()
    assert survival.run(fresh_prefix(), [told], 100, 3), told.getvalue()
    text = told.getvalue()
    assert "demo: PASS" in text
    assert [line.split()[0] for line in text.splitlines() if " of 3" in line and "ok" not in line]

"""What README and docs/planning.md show is what the command prints."""

import re
import shlex
from pathlib import Path

import click
from click.testing import CliRunner

from trimaran.cli.plan import plan
from trimaran.plan.entries import parse
from trimaran.plan.file import read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PLANNING = (ROOT / "docs" / "planning.md").read_text()


def printed(command: str) -> str:
    result = CliRunner().invoke(plan, shlex.split(command))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_transcript() -> None:
    found = re.search(r"```\n\$ trimaran plan (.*)\n((?:.*\n)*?)```\n", README)
    assert found is not None
    assert printed(found[1]) == found[2]


def test_the_picture() -> None:
    picture = (ROOT / "docs" / "planning.svg").read_text()
    assert printed("--hosts 3 --link 1G --traffic 1.5G --survive 1 --format svg") == picture


def test_the_plan_file() -> None:
    text = PLANNING.partition("```toml\n")[2].partition("```")[0]
    request = read(parse(text, "docs/planning.md"))
    assert [host.domain for host in request.demand.hosts] == ["rack-a", "rack-b"]
    assert request.demand.vips == 6


def test_every_option_that_stands_for_a_key_is_there() -> None:
    options = [option for option in plan.params if isinstance(option, click.Option)]
    for option in options:
        for name in option.opts:
            key = name.removeprefix("--").replace("-", "_")
            assert name in PLANNING or f"`{key}`" in PLANNING or f"{key} =" in PLANNING, name


def test_the_fewest_balanced_vips() -> None:
    rows = re.findall(r"^\| any (\d) lost \|(.*)\|$", PLANNING, re.MULTILINE)
    assert len(rows) == 3
    for lost, row in rows:
        for hosts, vips in zip((2, 3, 4, 5, 6, 7, 8), row.split("|"), strict=False):
            if vips.strip().isdecimal():
                text = printed(f"--hosts {hosts} --survive {lost}")
                assert text.startswith(f"{vips.strip()} VIPs on {hosts} hosts\n")

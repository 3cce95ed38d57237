"""Documentation is true: numbers come from results, links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest
from benchmarks.report import END, README, START, measured_section

from impasto.cli.main import command_names

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "pretraining/README.md"])


def test_numbers_in_readme_are_those_of_the_results() -> None:
    text = README.read_text("utf-8")
    assert text.partition(START)[2].partition(END)[0].strip() == measured_section().strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_docs_exist(page: Path) -> None:
    for command in re.findall(r"^(?:\$ )?impasto ([a-z-]+)", page.read_text("utf-8"), flags=re.MULTILINE):
        assert command in command_names()

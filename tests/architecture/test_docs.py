"""Documentation is true: numbers come from results, links lead somewhere, commands exist."""

import importlib
import re
from pathlib import Path

import pytest
from benchmarks.report import REPORT, report

import impasto
from impasto.cli.main import command_names

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "pretraining/README.md"])


def test_numbers_in_the_report_are_those_of_the_results() -> None:
    assert REPORT.read_text("utf-8") == report()


def test_readme_is_one_screen_after_the_other() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_docs_exist(page: Path) -> None:
    for command in re.findall(r"^(?:\$ )?impasto ([a-z-]+)", page.read_text("utf-8"), flags=re.MULTILINE):
        assert command in command_names()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_that_docs_name_exists(page: Path) -> None:
    """`folder/file.py` is a file, and a name behind it, `folder/file.py`: `name`, stands in it."""
    places = (ROOT, ROOT / "src/impasto", page.parent)
    text = page.read_text("utf-8").replace(
        "src/impasto/methods/plain_lora.py", "the file that the page tells how to write"
    )
    for path in re.findall(r"`([a-z_0-9]+/[a-z_0-9/]+\.py)`", text):
        assert any((place / path).is_file() for place in places), path
    for path, name in re.findall(r"`([a-z_0-9/]+/[a-z_0-9]+\.py)`: `([A-Za-z_0-9]+)", text):
        found = next(place / path for place in places if (place / path).is_file())
        assert re.search(rf"\b{name}\b", found.read_text("utf-8")), (path, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_public_names_in_docs_exist(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL):
        for name in re.findall(r"(?<![\w.])impasto\.(\w+)", block):
            assert name in impasto.__all__ or importlib.util.find_spec(f"impasto.{name}"), name
        for module, names in re.findall(r"from (impasto[\w.]*) import ([\w, ]+)", block):
            assert all(hasattr(importlib.import_module(module), name.strip()) for name in names.split(",")), module


def test_every_page_is_in_the_site() -> None:
    named = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").glob("*.md")]
    assert [page for page in pages if f"- {page}\n" not in named] == []

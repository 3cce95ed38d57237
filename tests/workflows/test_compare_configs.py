"""The comparisons that ship: each is planned in full on pocket, and nothing is trained."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from impasto.cli.main import main
from impasto.comparison.config import CompareOptions
from impasto.comparison.plan import Plan, plan_comparison
from small_comparisons import read_config

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ABLATIONS = sorted((BENCHMARKS / "ablations").glob("*.toml"))
COUNTS = {
    "compare": 66,
    "aux": 8 * 6,
    "prior_weight": 5 * 6,
    "steps": 11 * 6,
    "style_count": 5 * 6,
    "style_pictures": 5 * 6,
}


@cache
def planned(name: str) -> Plan:
    path = BENCHMARKS / "ablations" / f"{name}.toml"
    return plan_comparison(read_config(path), CompareOptions(comparison=path, out=Path("nowhere"), device="cpu"))


def rows(name: str, style: str = "openmoji") -> dict[str, Mapping[str, object]]:
    return {row.name: row.values | dict(row.settled) for row in planned(name).rows if row.style.name == style}


def test_all_are_looked_at() -> None:
    assert {path.stem for path in ABLATIONS} == set(COUNTS) - {"compare"}


@pytest.mark.parametrize(
    "path", [BENCHMARKS / "compare_small.toml", BENCHMARKS / "compare.toml", *ABLATIONS], ids=lambda path: path.stem
)
def test_every_comparison_can_be_planned(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["compare", str(path), "--out", str(out), "--device", "cpu", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"{COUNTS.get(path.stem, 3)}, of which 0 are done" in told
    assert re.search(r"time +(about|at most) \d+ (s|min)", told)
    assert not out.exists()


@pytest.mark.parametrize("path", ABLATIONS, ids=lambda path: path.stem)
def test_every_ablation_says_how_it_is_run(path: Path) -> None:
    command = rf"^#   impasto compare benchmarks/ablations/{path.name} --out \S+ --workers 2$"
    assert re.search(command, path.read_text("utf-8"), flags=re.MULTILINE)


def test_steps_are_searched_wherever_they_are_not_the_question() -> None:
    assert not planned("steps").searched
    assert [row.name for row in planned("prior_weight").searched] == ["λ = 0", "λ = 0.5", "λ = 1", "λ = 2"]
    assert len(planned("aux").searched) == 7


def test_auxiliary_pictures_are_those_that_the_rows_name() -> None:
    found = rows("aux")
    assert "aux" not in found["none"]["pictures"]
    assert found["drawn with style"]["aux"] == found["drawn with illustration style"]["aux"] == "generate"
    assert found["drawn with illustration style"]["class_prompt"] == "illustration style"
    counts = {name: len(values["pictures"].get("aux", ())) for name, values in found.items() if "pictures" in values}
    drawn = {"none": 0, "drawn with style": 0, "drawn with illustration style": 0}
    assert counts == drawn | {"human art": 20, "human art, ten": 10, "more target style": 20, "portraits": 10}


def test_style_pictures_are_those_that_the_rows_name() -> None:
    shown = {name: len(values["pictures"]["style"]) for name, values in rows("style_pictures").items() if values}
    assert shown == {"people": 10, "backgrounds": 10, "both, ten": 10, "both, twenty": 20}
    shown = {name: len(values["pictures"]["style"]) for name, values in rows("style_count").items() if values}
    assert shown == {"5 pictures": 5, "10 pictures": 10, "15 pictures": 15, "20 pictures": 20}


def test_without_a_weight_no_auxiliary_picture_is_shown() -> None:
    shown = {name: "aux" in values["pictures"] for name, values in rows("prior_weight").items() if values}
    assert shown == {"λ = 0": False, "λ = 0.5": True, "λ = 1": True, "λ = 2": True}

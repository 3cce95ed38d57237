"""The shipped recipes: what differs between the ways to learn, and who has the last word."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from impasto.cli.arguments import asked_for
from impasto.core.config import read_toml
from impasto.registry.recipes import recipe_for

FOLDER = Path(str(files("impasto"))) / "recipes"
TWO_WAYS = [path for path in sorted(FOLDER.glob("*.toml")) if {"full", "lora"} & set(read_toml(path))]


@pytest.mark.parametrize("path", TWO_WAYS, ids=lambda path: path.name)
def test_low_rank_has_a_higher_rate_than_full(path: Path) -> None:
    method, _, base = path.stem.rpartition("-")
    full, low_rank = (float(str(recipe_for(method, base, way)["learning_rate"])) for way in ("full", "lora"))
    assert low_rank >= 10 * full


def test_what_a_recipe_says_of_learn_holds_without_a_flag() -> None:
    assert recipe_for("styleforge", "sdxl") == recipe_for("styleforge", "sdxl", "lora")
    assert recipe_for("styleforge", "sd15") == recipe_for("styleforge", "sd15", "full")


def test_flag_wins_over_file(tmp_path: Path) -> None:
    path = tmp_path / "options.toml"
    path.write_text('learn = "full"', "utf-8")
    assert asked_for(["--config", str(path)], "learn") == "full"
    assert asked_for(["--config", str(path), "--learn=lora"], "learn") == "lora"
    assert asked_for([], "learn") is None

"""Recipes of small comparisons, and trials that cost nothing."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from conftest import write_pictures
from impasto.comparison.config import ComparisonConfig
from impasto.comparison.trial import Trial
from impasto.core.config import read_toml, validated
from impasto.core.files import write_text

LORA = {"method": "styleforge", "learn": "lora", "rank": 2, "steps": 3, "learning_rate": 0.01}
METHODS: Mapping[str, Mapping[str, object]] = {"base": {}, "low rank": LORA}


def style_folders(folder: Path, seed: int = 1) -> Path:
    """Fill the folders of a style."""
    write_pictures(folder / "style", 4, seed=seed, captions=True)
    write_pictures(folder / "aux", 3, seed=seed + 1)
    write_pictures(folder / "real", 10, seed=seed + 2, captions=True)
    return folder


def source(name: str, folder: Path) -> dict[str, str]:
    """Return a style as a recipe names it."""
    return {
        "name": name,
        "style_images": str(folder / "style"),
        "aux_images": str(folder / "aux"),
        "reference": str(folder / "real"),
    }


def recipe_file(folder: Path, base: Path, pictures: Path, **changes: object) -> Path:
    """Write a recipe with one style."""
    values: dict[str, object] = {
        "base": str(base),
        "steps": 2,
        "seeds": [0, 1],
        "columns": 3,
        "strengths": [1.0, 0.5],
        "styles": [source("blocks", pictures)],
        "methods": METHODS,
    }
    path = folder / "recipe.toml"
    path.write_text(_toml(values | changes), "utf-8")
    return path


def _toml(values: Mapping[str, object]) -> str:
    def told(value: object) -> str:
        if isinstance(value, Mapping):
            return "{" + ", ".join(f'"{key}" = {told(each)}' for key, each in value.items()) + "}"
        return "[" + ", ".join(map(told, value)) + "]" if isinstance(value, list) else json.dumps(value)

    return "".join(f"{key} = {told(value)}\n" for key, value in values.items())


def read_config(path: Path) -> ComparisonConfig:
    """Return the recipe in a file."""
    return validated(ComparisonConfig, read_toml(path), source="test")


def pretended(distance: Callable[[Trial], float]) -> Callable[[Trial], None]:
    """Return what runs a trial without training or drawing: its distance is as told."""

    def run(trial: Trial) -> None:
        measured = {"name": "KID", "value": distance(trial), "standard_error": 0.1, "better": "lower", "warning": ""}
        facts = {"measured": [measured], "strengths": [], "losses": [], "prompts": [], "pictures": [], "seconds": 0.0}
        write_text(trial.file, json.dumps(facts))

    return run

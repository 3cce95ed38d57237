"""Measured settings for a method on a base, shipped as TOML: `recipes/METHOD-BASE.toml`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from impasto.core.config import read_toml

_GUIDANCE = 5.0
"""Classifier-free guidance of bases without a measured recipe for drawing."""


def recipe_for(method: str, base: str) -> dict[str, object]:
    """Return the shipped settings for `method` on the base kind `base`, e.g. "pocket" or "sd15"; empty without any."""
    path = Path(str(files("impasto"))) / "recipes" / f"{method}-{base}.toml"
    return read_toml(path) if path.is_file() else {}


def guidance_for(base: str) -> float:
    """Return the guidance scale that the base kind `base` is drawn with unless another is asked for."""
    return float(str(recipe_for("draw", base).get("guidance_scale", _GUIDANCE)))

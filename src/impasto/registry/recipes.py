"""Measured settings for a method on a base, shipped as TOML: `recipes/METHOD-BASE.toml`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from impasto.core.config import read_toml

_GUIDANCE = 5.0
"""Classifier-free guidance of bases without a measured recipe for drawing."""


_WAYS_TO_LEARN = ("full", "lora")
"""Values of `learn`; a recipe's table of that name holds what differs then: low rank wants a higher rate."""


def recipe_for(method: str, base: str, learn: object = None) -> dict[str, object]:
    """Return the shipped settings for a method on a base.

    Args:
        method: Name of the method.
        base: Kind of the base, e.g. "pocket" or "sd15".
        learn: What learns if it is asked for, "full" or "lora"; by default what the recipe says.

    Returns:
        Options by name; empty without a recipe.
    """
    path = Path(str(files("impasto"))) / "recipes" / f"{method}-{base}.toml"
    stated = read_toml(path) if path.is_file() else {}
    differing = {way: stated.pop(way, {}) for way in _WAYS_TO_LEARN}
    chosen = differing.get(str(learn or stated.get("learn")))
    return stated | chosen if isinstance(chosen, dict) else stated


def guidance_for(base: str) -> float:
    """Return the guidance scale that the base kind `base` is drawn with unless another is asked for."""
    return float(str(recipe_for("draw", base).get("guidance_scale", _GUIDANCE)))

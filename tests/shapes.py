"""Executes the shapes that functions of tensors state, once this is imported before them.

`checked` is what jaxtyping's import hook gives their functions to.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from beartype import beartype
from jaxtyping import install_import_hook

SOURCES = Path(__file__).parents[1] / "src"
ROOMS = ("adapters", "controls", "diffusion", "features", "generation", "image_prompts", "methods", "metrics", "models")
MODULES = [
    ".".join(path.relative_to(SOURCES).with_suffix("").parts)
    for room in ROOMS
    for path in sorted((SOURCES / "impasto" / room).rglob("*.py"))
    if "jaxtyping" in path.read_text("utf-8")
]
_SHAPES = ("Float[", "Int[", "Shaped[", "Latents", "Levels", "Times")

Function = TypeVar("Function", bound=Callable[..., object])


def checked(function: Function) -> Function:
    """Return a function that checks its tensors; all other types are mypy's."""
    if not callable(function) or isinstance(function, type):
        return function
    hints = getattr(function, "__annotations__", {})
    shapes = {name: hint for name, hint in hints.items() if any(each in str(hint) for each in _SHAPES)}
    if not shapes:
        return function
    function.__annotations__ = shapes
    return beartype(function)


install_import_hook(MODULES, f"{__name__}.{checked.__name__}")

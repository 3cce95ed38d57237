"""Gradient: gradients removed, every shape in one colour."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from pretraining.data.colour import from_hex, mix, to_hex
from pretraining.data.drawing import Drawing
from pretraining.data.styles._kind import Values
from pretraining.data.styles._overlays import marked

ORDER = 20
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.15

VALUES = {"gradient": ("", "flat colours")}
_GRADIENT = re.compile(r"<(linear|radial)Gradient\b([^>]*)>(.*?)</\1Gradient>", re.DOTALL)
_BLUR = re.compile(r' filter="[^"]*"')
_STOP = re.compile(r'stop-color="#([0-9a-fA-F]{6})"')


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return flat colours now and then."""
    return {"gradient": "flat colours"} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the value, which is its own word."""
    return values["gradient"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return whether there are gradients between colours that differ."""
    return any(flattened(found[0]) != found[0] for found in _GRADIENT.finditer(drawing.body))


def flattened(gradient: str) -> str:
    """Return a gradient element with the mean of its stops everywhere."""
    stops = [from_hex(code) for code in _STOP.findall(gradient)]
    if not stops:
        return gradient
    mean = stops[0]
    for count, colour in enumerate(stops[1:], start=2):
        mean = mix(mean, colour, 1 / count)
    return re.sub(r'stop-color="[^"]*"', f'stop-color="{to_hex(mean)}"', gradient)


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:  # noqa: ARG001
    """Return the drawing without gradients, glows and blurs."""
    bare = marked(drawing.body, "display", "none")
    flat = _GRADIENT.sub(lambda found: flattened(found[0]), bare)
    return replace(drawing, body=_BLUR.sub("", flat))

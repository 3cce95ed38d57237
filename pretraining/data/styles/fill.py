"""Fill: shapes left as paper inside their outlines, as in a colouring book."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from pretraining.data.drawing import Drawing
from pretraining.data.styles._kind import Values
from pretraining.data.styles._overlays import marked

ORDER = 30
NEEDS = ("outline_colour",)
BARS = ("palette", "gradient")
CHOSEN = 0.22

PAPER = "#fffdf8"
VALUES = {"fill": ("", "no fill")}
_FILL = re.compile(r'fill="(?!none)[^"]*"')
_SHADE = re.compile(r' filter="[^"]*"')
_STOP = re.compile(r'stop-color="[^"]*"')


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return no fill now and then; the outlines it needs are drawn by chance as well."""
    return {"fill": "no fill"} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the fill, which is its own word."""
    return values["fill"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return whether the outlines can be seen on paper."""
    return values.get("outline_colour") != "white"


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:  # noqa: ARG001
    """Return the drawing with every fill replaced by paper."""
    bare = _SHADE.sub("", marked(drawing.body, "display", "none"))
    return replace(drawing, body=_STOP.sub(f'stop-color="{PAPER}"', _FILL.sub(f'fill="{PAPER}"', bare)))

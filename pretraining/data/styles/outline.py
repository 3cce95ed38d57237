"""Outline: a real stroke round every shape, in a colour and of a width.

Strokes are painted before fills, so that small shapes such as eyes keep their size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pretraining.data.colour import RGB, to_hex
from pretraining.data.drawing import SIDE, Drawing
from pretraining.data.styles._kind import Values
from pretraining.data.styles._overlays import marked

ORDER = 40
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.5

INKS: dict[str, RGB] = {
    "black": (0.06, 0.06, 0.07),
    "dark blue": (0.1, 0.14, 0.4),
    "brown": (0.33, 0.18, 0.08),
    "white": (1, 1, 1),
    "red": (0.75, 0.1, 0.12),
    "purple": (0.33, 0.12, 0.45),
}
WIDTHS = {"thin": 0.017, "medium": 0.028, "bold": 0.042, "thick": 0.062}
"""Width of the stroke as a share of the drawing's side, the inner half hidden by the shape. Medium is not said."""

VALUES = {"outline_colour": ("", *INKS), "outline_width": ("", *WIDTHS)}
WEIGHTS = np.array([3 if name == "black" else 1 for name in INKS]) / (len(INKS) + 2)
"""How often each ink is drawn."""


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return an ink and a width now and then."""
    if rng.random() >= CHOSEN:
        return {}
    ink = list(INKS)[int(rng.choice(len(INKS), p=WEIGHTS))]
    return {"outline_colour": ink, "outline_width": list(WIDTHS)[int(rng.integers(len(WIDTHS)))]}


def words(values: Values) -> str:
    """Return "bold dark blue outlines"."""
    width = values.get("outline_width", "medium")
    return f"{'' if width == 'medium' else width + ' '}{values['outline_colour']} outlines"


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return whether the drawing has several colours: what is drawn in one ink has nothing to be outlined."""
    return len(set(drawing.colours())) > 2  # black, which is said for all shapes, and the ink


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:  # noqa: ARG001
    """Return the drawing with strokes, and room for them."""
    width = WIDTHS[values.get("outline_width", "medium")] * SIDE
    stroke = f'stroke="{to_hex(INKS[values["outline_colour"]])}" stroke-width="{width / drawing.scale:.3f}"'
    outlined = replace(drawing, body=marked(drawing.body.replace(' stroke-width="0"', ""), "stroke", "none"))
    return outlined.wrapped(
        f'{stroke} stroke-linejoin="round" stroke-linecap="round" paint-order="stroke"', pad=width / 2
    )

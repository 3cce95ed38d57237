"""Border: a thick white edge round the silhouette, as stickers have."""

from __future__ import annotations

import numpy as np

from pretraining.data.drawing import SIDE, Drawing
from pretraining.data.styles._kind import Values

ORDER = 70
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.12

WIDTH = 0.05
"""Of the edge, as a share of the drawing's side."""

VALUES = {"border": ("", "sticker border")}


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a border now and then."""
    return {"border": "sticker border"} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the border, which is its own word."""
    return values["border"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return True: every drawing has a silhouette."""
    return True


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:  # noqa: ARG001
    """Return the drawing on a white shape that is its blurred silhouette, cut at a low level: round corners."""
    width = WIDTH * SIDE
    edge = (
        '<filter id="border" x="-15%" y="-15%" width="130%" height="130%" color-interpolation-filters="sRGB">'
        f'<feGaussianBlur in="SourceAlpha" stdDeviation="{width / 1.6:.3f}"/>'
        '<feColorMatrix type="matrix" values="0 0 0 0 1  0 0 0 0 1  0 0 0 0 1  0 0 0 14 -0.8" result="edge"/>'
        '<feMerge><feMergeNode in="edge"/><feMergeNode in="SourceGraphic"/></feMerge></filter>'
    )
    return drawing.wrapped('filter="url(#border)"', edge, pad=1.15 * width)

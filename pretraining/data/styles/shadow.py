"""Shadow: a soft dark copy of the silhouette, down to the right."""

from __future__ import annotations

import numpy as np

from pretraining.data.drawing import SIDE, Drawing
from pretraining.data.styles._kind import Values

ORDER = 80
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.12

SHIFT, BLUR, DARKNESS = 0.045, 0.012, 0.55
"""How far the shadow falls and how soft it is, as shares of the drawing's side, and how dark it is."""

VALUES = {"shadow": ("", "drop shadow")}


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a shadow now and then."""
    return {"shadow": "drop shadow"} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the shadow, which is its own word."""
    return values["shadow"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return True: every drawing casts a shadow."""
    return True


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:  # noqa: ARG001
    """Return the drawing over its shadow."""
    shift, blur = SHIFT * SIDE, BLUR * SIDE
    cast = (
        '<filter id="shadow" x="-15%" y="-15%" width="130%" height="130%" color-interpolation-filters="sRGB">'
        f'<feDropShadow dx="{shift:.3f}" dy="{shift:.3f}" stdDeviation="{blur:.3f}" flood-color="#000000" '
        f'flood-opacity="{DARKNESS}"/></filter>'
    )
    return drawing.wrapped('filter="url(#shadow)"', cast, pad=shift)

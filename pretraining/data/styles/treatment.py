"""Treatment: the finished picture, background and all, drawn anew as pixel art, in triangles or in watercolour."""

from __future__ import annotations

import numpy as np

from pretraining.data.drawing import Drawing
from pretraining.data.picture import Picture
from pretraining.data.styles._kind import Values
from pretraining.data.treatments import load_treatments

ORDER = 90
NEEDS: tuple[str, ...] = ()
BARS = ("fill", "wobble", "texture", "shadow", "border")
CHOSEN = 0.06

VALUES = {"treatment": ("", *load_treatments())}


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a treatment now and then."""
    if rng.random() >= CHOSEN:
        return {}
    return {"treatment": list(load_treatments())[int(rng.integers(len(load_treatments())))]}


def words(values: Values) -> str:
    """Return the treatment, which is its own word."""
    return values["treatment"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return whether the drawing has several colours: treatments turn lines in one ink into mud."""
    return len(drawing.colours()) > 2


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:  # noqa: ARG001
    """Return the drawing as it is: this kind works on the finished picture."""
    return drawing


def finish(picture: Picture, values: Values, rng: np.random.Generator) -> Picture:
    """Return the finished picture in the treatment."""
    return load_treatments()[values["treatment"]](picture, rng)

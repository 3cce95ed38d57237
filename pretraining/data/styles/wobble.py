"""Wobble: lines moved by smooth noise, as by an unsteady artist."""

from __future__ import annotations

import numpy as np

from pretraining.data.drawing import SIDE, Drawing
from pretraining.data.styles._kind import Values

ORDER = 60
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.2

REACH = {"wobbly": 0.028, "very wobbly": 0.046}
"""Scale of the displacement as a share of the drawing's side; a line moves by half of it at most."""

WAVES = (3.0, 5.0)
"""Waves of the noise along a side."""

VALUES = {"wobble": ("", *REACH)}


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a wobble now and then."""
    return {"wobble": list(REACH)[int(rng.integers(len(REACH)))]} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the wobble, which is its own word."""
    return values["wobble"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return True: every drawing can wobble."""
    return True


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:
    """Return the drawing displaced by turbulence."""
    waves, seed = WAVES[int(rng.integers(len(WAVES)))], int(rng.integers(1, 1000))
    reach = REACH[values["wobble"]] * SIDE
    displaced = (
        '<filter id="wobble" x="-10%" y="-10%" width="120%" height="120%" color-interpolation-filters="sRGB">'
        f'<feTurbulence type="fractalNoise" baseFrequency="{waves / SIDE:.5f}" numOctaves="1" seed="{seed}" '
        'result="noise"/>'
        f'<feDisplacementMap in="SourceGraphic" in2="noise" scale="{reach:.3f}" xChannelSelector="R" '
        'yChannelSelector="G"/></filter>'
    )
    return drawing.wrapped('filter="url(#wobble)"', displaced, pad=0.55 * reach)

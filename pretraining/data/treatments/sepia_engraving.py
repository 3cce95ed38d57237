"""Sepia engraving: brown lines that swell with the shade and bend with the forms, crossed in the dark, on old paper."""

from __future__ import annotations

import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import Plane, blurred, colour, edges, enlarged, mixed, noise, reduced, step, tone

ALSO = ("engraving", "etching", "antique engraving")
COLOURED = False
PAPER, INK = colour(238, 222, 188), colour(74, 42, 20)
SCALE, PITCH = 3, 3.6
"""How much larger the lines are drawn, and their distance in pixels of the picture."""


def lines(bend: Plane, angle: float, dark: Plane) -> Plane:
    """Return parallel lines at `angle`, shifted by `bend` pixels, as wide a share of the paper as `dark` says."""
    side = bend.shape[0]
    down, across = np.indices((side, side), dtype=np.float32)
    phase = (down * np.cos(angle) + across * np.sin(angle) + bend) / (PITCH * SCALE)
    ramp = np.abs(phase % 1 - 0.5) * 2
    return step(dark, np.asarray(ramp, np.float32), 0.22)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return one set of lines for all tones, a crossing one for the dark, and the contours."""
    large = enlarged(picture, SCALE)
    side = large.shape[0]
    light = blurred(tone(large), 1.5)
    bend = blurred(tone(large), 12.0) * 30 + noise(side, 5, rng) * 8
    angle = rng.uniform(0.25, 0.6)
    first = lines(bend, angle, np.asarray(np.clip(1 - light, 0.0, 0.86) ** 1.15 - 0.06, np.float32))
    second = lines(-bend, angle - 1.3, np.asarray(np.clip(0.52 - light, 0, 1) * 1.1 - 0.03, np.float32))
    contour = step(edges(large, 2.0), 0.36, 0.25)
    ink = np.maximum(np.maximum(first, second), contour)
    paper = PAPER * (0.9 + 0.16 * noise(side, 7, rng))[..., None]
    return reduced(mixed(np.asarray(paper, np.float32), INK, np.asarray(ink * 0.93, np.float32)), picture.shape[0])

"""Halftone: dots of cyan, magenta, yellow and black, one turned screen for each ink, as in a printed comic."""

from __future__ import annotations

import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import Plane, blurred, colour, enlarged, reduced, step, unit

ALSO = ("halftone print", "comic print")
COLOURED = True
PAPER = colour(253, 250, 240)
INKS = (
    (15.0, colour(0, 160, 225)),
    (75.0, colour(228, 20, 130)),
    (0.0, colour(252, 228, 10)),
    (45.0, colour(28, 26, 30)),
)
"""Angle of each screen in degrees, and its ink: cyan, magenta, yellow, black."""

SCALE, PITCH = 3, 4.2
"""How much larger the dots are drawn, and their distance in pixels of the picture."""


def screen(side: int, degrees: float, rng: np.random.Generator) -> Plane:
    """Return a turned lattice of bumps, its values spread over [0, 1] so that coverage c fills about a share c."""
    down, across = np.indices((side, side), dtype=np.float32)
    turn, (first, second) = np.deg2rad(degrees), rng.uniform(0, 2 * np.pi, 2)
    pace = 2 * np.pi / (PITCH * SCALE)
    along = (across * np.cos(turn) + down * np.sin(turn)) * pace + first
    athwart = (down * np.cos(turn) - across * np.sin(turn)) * pace + second
    return np.asarray(0.5 + 0.25 * (np.cos(along) + np.cos(athwart)), np.float32)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture separated into four inks and printed one after another."""
    large = blurred(unit(enlarged(picture, SCALE)), 2.0)
    side = large.shape[0]
    missing = 1 - large
    black = missing.min(axis=2)
    planes = [np.clip((missing[..., ink] - black) / (1 - black + 1e-4), 0, 1) for ink in range(3)]
    printed = np.broadcast_to(PAPER, large.shape)
    for (degrees, ink), plane in zip(INKS, [*planes, black**1.4], strict=True):
        amount = step(screen(side, degrees, rng), 1 - plane * 1.04 + 0.02, 0.12)
        printed = printed * (1 - amount[..., None] * (1 - ink))
    return reduced(np.asarray(printed, np.float32), picture.shape[0])

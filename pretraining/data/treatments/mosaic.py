"""Mosaic: small stone tiles in pale grout, laid along the forms."""

from __future__ import annotations

import cv2
import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import flow, noise, reduced, unit

ALSO = ("tile mosaic", "roman mosaic")
COLOURED = True
SCALE, TILE = 4, 5.0
"""How much larger the tiles are drawn, and their distance in pixels of the picture."""


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return tiles of one colour each, turned with the picture's lines, each with a lit and a shaded rim."""
    side = picture.shape[0]
    angles, seen = flow(picture, 2.5), np.asarray(cv2.blur(picture, (4, 4)), np.uint8)
    grout = np.array((206, 198, 184) if rng.random() < 0.5 else (92, 86, 80))
    canvas = np.full((side * SCALE, side * SCALE, 3), grout, np.uint8)
    spots = np.arange(TILE / 2, side + TILE / 2, TILE)
    for down in spots:
        for across in spots:
            row, column = min(int(down), side - 1), min(int(across), side - 1)
            turn = float(angles[row, column]) + rng.normal(0, 0.06)
            place = np.array([across, down]) + rng.normal(0, 0.2, 2)
            shade = np.clip(seen[row, column] * rng.normal(1, 0.07) + rng.normal(0, 4, 3), 0, 255)
            half = TILE * rng.uniform(0.4, 0.455)
            for shrink, gain in ((1.0, 0.78), (0.78, 1.04)):
                corners = np.deg2rad([45, 135, 225, 315]) + turn
                ring = np.stack([np.cos(corners), np.sin(corners)], axis=1) * half * shrink * np.sqrt(2)
                points = np.rint((place + ring) * SCALE).astype(np.int32)
                cv2.fillConvexPoly(canvas, points, np.clip(shade * gain, 0, 255).tolist(), cv2.LINE_AA)
    stone = 0.92 + 0.16 * noise(side * SCALE, 90, rng)
    return reduced(np.asarray(unit(canvas) * stone[..., None], np.float32), side)

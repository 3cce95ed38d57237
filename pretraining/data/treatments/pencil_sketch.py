"""Pencil sketch: graphite contours and hatching by tone on off-white paper."""

from __future__ import annotations

import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import colour, edges, enlarged, mixed, noise, reduced, step, strokes, tone

ALSO = ("pencil drawing", "graphite")
COLOURED = False
PAPER, GRAPHITE = colour(247, 245, 238), colour(52, 52, 58)
HATCHES = ((0.72, 0.8), (0.45, -0.5), (0.25, 0.3))
"""Each layer of hatching: the lightest tone it shades, and its angle."""


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return contours drawn twice, slightly apart, over layers of hatching."""
    large = enlarged(picture, 2)
    side, light = large.shape[0], tone(large)
    lean = rng.uniform(-0.15, 0.15)
    shade = np.zeros_like(light)
    for lightest, angle in HATCHES:
        streaks = strokes(side, angle + lean, 25, rng)
        dark = np.clip((lightest - light) / lightest, 0, 1)
        shade = np.maximum(shade, step(0.25 + 0.55 * dark, streaks, 0.35) * (dark > 0) * (0.35 + 0.4 * dark))
    contour = edges(large, 1.3)
    apart = rng.integers(1, 3, size=2)
    again = np.roll(contour, apart, axis=(0, 1)) * 0.6
    pressure = 0.65 + 0.5 * noise(side, 24, rng)
    line = np.maximum(contour, again) * pressure
    tooth = 0.8 + 0.4 * rng.random((side, side), dtype=np.float32)
    graphite = np.clip(np.maximum(shade, np.clip(line * 1.5, 0, 1)) * tooth, 0, 1)
    return reduced(mixed(PAPER, GRAPHITE, np.asarray(graphite, np.float32)), picture.shape[0])

"""Chalk on blackboard: soft broken lines in white and pastel, rubbed tone, on a wiped dark board."""

from __future__ import annotations

import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import colour, edges, enlarged, mixed, noise, reduced, step, strokes, tone, unit

ALSO = ("chalk", "chalk drawing", "blackboard")
COLOURED = False
BOARD = colour(38, 48, 44)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return contours and loosely rubbed light parts in chalk of the picture's own hues, paled."""
    large = enlarged(picture, 2)
    side, light = large.shape[0], tone(large)
    hues = unit(large)
    strong = hues / np.maximum(hues.max(axis=2, keepdims=True), 0.25)
    chalk = np.asarray(0.45 + 0.55 * np.clip(strong, 0, 1), np.float32)
    grit = rng.random((side, side), dtype=np.float32)
    rubbed = strokes(side, rng.uniform(0.5, 1.0), 31, rng)
    subject = np.abs(hues - hues[0, 0]).max(axis=2) > 0.12  # the board stays bare where the ground was
    fill = step(rubbed, 1.05 - 0.6 * light, 0.5) * (0.12 + 0.5 * subject) * (0.55 + 0.6 * grit)
    line = np.clip(edges(large, 1.8) * 2.2, 0, 1) * step(0.45 * grit + 0.55 * noise(side, 90, rng), 0.24, 0.3)
    board = BOARD * (0.88 + 0.3 * noise(side, 5, rng) + 0.06 * strokes(side, 0.2, 41, rng))[..., None]
    drawn = np.asarray(np.clip(np.maximum(fill, line), 0, 1), np.float32)
    return reduced(mixed(np.asarray(board, np.float32), chalk, drawn), picture.shape[0])

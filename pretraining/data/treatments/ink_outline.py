"""Ink outline: clean black contours of varying weight on white, with the darkest parts filled."""

from __future__ import annotations

import cv2
import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import blurred, colour, edges, enlarged, mixed, noise, reduced, step, tone

ALSO = ("ink drawing", "line art")
COLOURED = False
PAPER, INK = colour(255, 255, 255), colour(14, 14, 18)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the contours as one even line that swells and thins, as a nib does."""
    large = np.asarray(cv2.medianBlur(enlarged(picture, 3), 5), np.uint8)
    side = large.shape[0]
    weight = 0.2 + 0.2 * noise(side, 9, rng)
    line = step(edges(large, 2.2), weight, 0.12)
    solid = step(-blurred(tone(large), 1.5), -0.2, 0.02)
    ink = blurred(np.maximum(line, solid), 0.8)
    return reduced(mixed(PAPER, INK, ink), picture.shape[0])

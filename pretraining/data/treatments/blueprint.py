"""Blueprint: thin white lines and a fine grid on blue, as technical drawings were copied."""

from __future__ import annotations

import cv2
import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import Plane, blurred, colour, edges, enlarged, mixed, noise, reduced, step, tone

ALSO = ("cyanotype plan", "technical drawing")
COLOURED = False
WHITE = colour(232, 241, 252)
SCALE = 3


def grid(side: int, pitch: int) -> Plane:
    """Return the ruled lines, every fourth one stronger, and a frame."""
    ruled = np.zeros((side, side), np.float32)
    for index, place in enumerate(range(0, side, pitch)):
        strength = 0.3 if index % 4 == 0 else 0.13
        for lines in (ruled[place : place + 2], ruled[:, place : place + 2]):
            np.maximum(lines, strength, out=lines)
    cv2.rectangle(ruled, (8, 8), (side - 9, side - 9), 0.75, 3)
    return ruled


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the contours in white, dark parts hatched, on a grid."""
    large = np.asarray(cv2.medianBlur(enlarged(picture, SCALE), 5), np.uint8)
    side = large.shape[0]
    line = step(edges(large, 1.7), 0.28, 0.2)
    down, across = np.indices((side, side), dtype=np.float32)
    hatch = step(np.asarray(np.cos((across + down) * (2 * np.pi / 14)), np.float32), 0.75, 0.3)
    shaded = step(-blurred(tone(large), 2.0), -0.3, 0.05) * hatch * 0.4
    drawn = np.maximum(np.maximum(line * 0.95, shaded), grid(side, 8 * SCALE))
    blue = colour(22, 66, 148) * (0.86 + 0.26 * noise(side, 5, rng))[..., None]
    return reduced(mixed(np.asarray(blue, np.float32), WHITE, np.asarray(drawn, np.float32)), picture.shape[0])

"""Comic outline: flat colours inside even black contours, as in comic strips and colouring books."""

from __future__ import annotations

import cv2
import numpy as np

from pretraining.data.render import Picture
from pretraining.data.textures import blurred, colour, edges, enlarged, mixed, reduced, step, unit

ALSO = ("cartoon outline", "bold outline")
COLOURED = True
INK = colour(12, 12, 14)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the areas without their shading, and one contour of even width along their borders."""
    flat = picture
    for _ in range(3):
        flat = np.asarray(cv2.bilateralFilter(flat, 7, 45, 4), np.uint8)
    large = np.asarray(cv2.medianBlur(enlarged(flat, 3), 7), np.uint8)
    width = int(rng.integers(3, 8))  # of three times enlarged pixels
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    contour = step(edges(large, 1.6), 0.16, 0.05)
    line = np.asarray(cv2.dilate(contour, pen), np.float32)
    return reduced(mixed(unit(large), INK, blurred(line, 1.0)), picture.shape[0])

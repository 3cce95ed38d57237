"""Pixel art: a coarse grid of square pixels in a small palette."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from pretraining.data.picture import Picture

GRID = 32


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture on a grid of 32 pixels, in 10 to 16 colours taken from it."""
    side = picture.shape[0]
    small = Image.fromarray(np.asarray(cv2.resize(picture, (GRID, GRID), interpolation=cv2.INTER_AREA), np.uint8))
    crisp = small.filter(ImageFilter.UnsharpMask(1, 70, 0))
    vivid = ImageEnhance.Contrast(ImageEnhance.Color(crisp).enhance(1.25)).enhance(1.08)
    few = vivid.quantize(int(rng.integers(10, 17)), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return np.asarray(few.resize((side, side), Image.Resampling.NEAREST))

"""Watercolour wash: thin pigment that pools at the edges of each wash, on rough paper left white at the border."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pretraining.data.picture import Picture
from pretraining.data.textures import Plane, blurred, colour, enlarged, mixed, noise, reduced, step, unit

PAPER = colour(252, 250, 244)


def wobbled(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Return the picture with its borders bent by smooth noise of up to `amount` pixels."""
    side = picture.shape[0]
    down, across = np.indices((side, side), dtype=np.float32)
    bend = [amount * (noise(side, 20, rng) + 0.5 * noise(side, 60, rng) - 0.75) for _ in range(2)]
    moved = cv2.remap(picture, across + bend[0], down + bend[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


def border(side: int, rng: np.random.Generator) -> Plane:
    """Return where there is paint: all but a ragged margin."""
    down, across = np.indices((side, side), dtype=np.float32) / np.float32(side)
    inwards = np.minimum(np.minimum(down, 1 - down), np.minimum(across, 1 - across))
    ragged = 0.09 * noise(side, 10, rng) + 0.03 * noise(side, 40, rng)
    return step(np.asarray(inwards, np.float32), ragged, 0.012)


def pooled(washes: NDArray[np.float32]) -> Plane:
    """Return how much pigment gathers along the borders of the washes, about 0 inside them."""
    spread = np.abs(washes - blurred(washes, 5.0)).max(axis=2)
    return np.asarray(np.clip(spread * 3, 0, 1), np.float32)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return flat wet washes whose strength wanders, deepest at their borders."""
    large = wobbled(enlarged(picture, 2), 6.0, rng)
    side = large.shape[0]
    flat = np.asarray(cv2.bilateralFilter(cv2.medianBlur(large, 9), 7, 60, 5), np.uint8)
    washes = unit(flat)
    painted = border(side, rng)
    wander = noise(side, 6, rng) + 0.6 * noise(side, 18, rng) + 0.3 * noise(side, 50, rng)
    rim = np.clip(np.abs(painted - blurred(painted, 4.0)) * 2, 0, 1)
    strength = 0.16 + 0.5 * wander + 0.9 * pooled(washes) + 0.5 * rim
    grain = 1 + 0.25 * (noise(side, 128, rng) - 0.5)
    pigment = np.clip(washes * 0.9 + 0.06, 0.02, 1) ** (strength * grain)[..., None]
    return reduced(mixed(PAPER, np.asarray(PAPER * pigment, np.float32), painted), picture.shape[0])

"""What several treatments need: edges, noise, and the way to a larger picture and back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pretraining.data.picture import Picture

Plane = NDArray[np.float32]
"""Values that vary over a picture, shape (height, width), mostly in [0, 1]."""


def enlarged(picture: Picture, scale: int) -> Picture:
    """Return the picture `scale` times as large: fine marks are drawn there and averaged on the way back."""
    side = picture.shape[0] * scale
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def reduced(picture: NDArray[np.float32], side: int) -> Picture:
    """Return values in [0, 1], (height, width, 3), averaged down to `side` pixels as RGB uint8."""
    small = cv2.resize(np.ascontiguousarray(picture, np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(np.clip(small, 0, 1) * 255), np.uint8)


def unit(picture: Picture) -> NDArray[np.float32]:
    """Return RGB values in [0, 1]."""
    return np.asarray(picture, np.float32) / np.float32(255)


def blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return the values after a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def edges(picture: Picture, sigma: float) -> Plane:
    """Return the strength of edges at scale `sigma`, the strongest of the three channels, about 1 at a clear border.

    Channels are judged apart: a red thing on a green ground of the same lightness has an outline too.
    """
    soft = blurred(unit(picture), sigma)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, order, 1 - order, ksize=3) for order in (1, 0))
    strength = np.sqrt(np.square(across) + np.square(down)).max(axis=2)
    return np.asarray(np.clip(strength * sigma / 1.6, 0, 1), np.float32)


def noise(side: int, cells: int, rng: np.random.Generator) -> Plane:
    """Return smooth noise in [0, 1] with about `cells` blobs along each side."""
    coarse = rng.random((cells, cells), dtype=np.float32)
    return np.clip(np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32), 0, 1)


def step(values: Plane, threshold: float | Plane, softness: float) -> Plane:
    """Return 0 below and 1 above `threshold`, with a linear rise of width `softness` around it."""
    return np.asarray(np.clip((values - threshold) / softness + 0.5, 0, 1), np.float32)


def mixed(under: NDArray[np.float32], over: NDArray[np.float32], amount: Plane) -> NDArray[np.float32]:
    """Return `over` laid on `under` (RGB pictures or single colours) where `amount` is 1."""
    share = amount[..., None]
    return np.asarray(under * (1 - share) + over * share, np.float32)


def colour(red: int, green: int, blue: int) -> NDArray[np.float32]:
    """Return an RGB colour of 0 to 255 as values in [0, 1]."""
    return np.array([red, green, blue], np.float32) / np.float32(255)

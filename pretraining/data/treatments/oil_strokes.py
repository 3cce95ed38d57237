"""Oil strokes: thick dabs that follow the forms, large ones first and small ones where there is detail.

After "Painterly Rendering with Curved Brush Strokes of Multiple Sizes" (Hertzmann, SIGGRAPH 1998), with straight dabs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pretraining.data.render import Picture
from pretraining.data.textures import Plane, blurred, edges, enlarged, flow, reduced, strokes, unit

ALSO = ("oil painting", "impasto")
COLOURED = True
BRUSHES = ((20, 9, 0.0), (9, 5, 0.12), (5, 3, 0.4))
"""Each layer: length and width of its dabs in doubled pixels, and the least detail that calls for it."""


def dabs(
    canvas: NDArray[np.uint8], height: NDArray[np.uint8], guide: tuple[Picture, Plane, Plane], rng: np.random.Generator
) -> None:
    """Paint all layers onto `canvas` and their relief onto `height`, guided by colours, angles and detail."""
    picture, angles, detail = guide
    side = picture.shape[0]
    for length, width, least in BRUSHES:
        seen = np.asarray(cv2.GaussianBlur(picture, (0, 0), width / 3), np.uint8)
        grid = np.stack(np.meshgrid(*[np.arange(0, side, width * 0.9)] * 2), axis=-1).reshape(-1, 2)
        places = np.clip(grid + rng.uniform(-width / 2, width / 2, grid.shape), 0, side - 1).astype(np.int64)
        places = rng.permutation(places[detail[places[:, 1], places[:, 0]] >= least])
        across, down = places.T
        turned = angles[down, across] + rng.normal(0, 0.25, len(places))
        reach = np.stack([np.cos(turned), np.sin(turned)], axis=1) * length / 2
        shades = np.clip(seen[down, across] * rng.normal(1, 0.07, (len(places), 1)) + rng.normal(0, 4, 3), 0, 255)
        relief = rng.integers(60, 255, len(places))
        ends = np.rint(np.concatenate([places - reach, places + reach], axis=1)).astype(int).tolist()
        for end, shade, lift in zip(ends, shades.tolist(), relief.tolist(), strict=True):
            cv2.line(canvas, end[:2], end[2:], shade, width, cv2.LINE_AA)
            cv2.line(height, end[:2], end[2:], lift, width, cv2.LINE_AA)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the dabs, lit from the upper left so that their relief shows."""
    large = enlarged(picture, 2)
    side = large.shape[0]
    canvas, height = large.copy(), np.zeros((side, side), np.uint8)
    detail = np.asarray(cv2.dilate(edges(large, 2.0), np.ones((7, 7), np.uint8)), np.float32)
    dabs(canvas, height, (large, flow(large, 6.0), detail), rng)
    relief = blurred(unit(height) + 0.35 * strokes(side, rng.uniform(0, np.pi), 13, rng), 0.8)
    light = (relief - np.roll(relief, (2, 2), axis=(0, 1))) * 0.3
    return reduced(unit(canvas) * (1 + light[..., None]) + 0.1 * light[..., None], picture.shape[0])

"""Low poly: flat triangles, small along the forms and large elsewhere, each shaded as if it faced its own way."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pretraining.data.picture import Picture
from pretraining.data.textures import edges, reduced

CORNERS, LOOSE, SCALE = 200, 45, 3
"""Corners along edges, corners anywhere, and how much larger the triangles are drawn."""


def corners(picture: Picture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the corners of the triangles as (across, down): the frame, a few anywhere, most where edges are strong."""
    side = picture.shape[0]
    chance = edges(picture, 1.2).ravel().astype(np.float64) + 1e-4
    chosen = rng.choice(chance.size, CORNERS, replace=False, p=chance / chance.sum())
    along = np.stack([chosen % side, chosen // side], axis=1) + 0.5
    frame = np.linspace(0, side, 6)
    rim = [(a, b) for a in frame for b in frame if a in (0, side) or b in (0, side)]
    return np.concatenate([np.array(rim), along, rng.uniform(0, side, (LOOSE, 2))]).astype(np.float32)


def facets(points: NDArray[np.float32], side: int) -> NDArray[np.int64]:
    """Return the number of the Delaunay triangle that each pixel of the enlarged picture is in."""
    mesh = cv2.Subdiv2D((0, 0, side + 1, side + 1))
    mesh.insert(points.tolist())
    found = np.asarray(mesh.getTriangleList(), np.float32).reshape(-1, 3, 2)
    inside = found[((found >= 0) & (found <= side)).all(axis=(1, 2))]  # the mesh also has three corners far outside
    drawn = np.zeros((side * SCALE, side * SCALE), np.float32)
    for number, triangle in enumerate(np.rint(inside * SCALE).astype(np.int32)):
        cv2.fillConvexPoly(drawn, triangle, float(number))
    return drawn.astype(np.int64)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the triangles between the corners, each in the mean colour of what it covers."""
    side = picture.shape[0]
    labels = facets(corners(picture, rng), side)
    covered = np.repeat(np.repeat(picture, SCALE, axis=0), SCALE, axis=1).reshape(-1, 3)
    counts = np.bincount(labels.ravel())
    sums = [np.bincount(labels.ravel(), channel) for channel in covered.T]
    shades = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None] / 255
    facing = rng.normal(1, 0.09, (len(counts), 1))
    lit = shades * facing + rng.normal(0, 0.02, (len(counts), 1))
    return reduced(np.asarray(np.clip(lit, 0, 1)[labels], np.float32), side)

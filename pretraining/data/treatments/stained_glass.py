"""Stained glass: pieces of glowing coloured glass that follow the forms, held by dark lead."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pretraining.data.render import Picture
from pretraining.data.textures import blurred, colour, mixed, noise, reduced, step, unit

ALSO = ("stained glass window", "leaded glass")
COLOURED = True
LEAD = colour(22, 20, 24)
PITCH, NEARNESS = 13.0, 0.052
"""Distance of the first seeds in pixels, and how much a pixel of distance counts against a unit of colour."""


def pieces(picture: Picture, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the piece that each pixel belongs to: nearest seed in place and colour, seeds moved to the middle twice.

    This is SLIC (Achanta et al., 2012) without its search window, which pictures of this size do not need.
    """
    side = picture.shape[0]
    soft = np.asarray(cv2.bilateralFilter(picture, 5, 60, 3), np.float32) / 255
    down, across = np.indices((side, side), dtype=np.float32)
    features = np.concatenate([soft.reshape(-1, 3), np.stack([down, across], -1).reshape(-1, 2) * NEARNESS], axis=1)
    spots = np.arange(PITCH / 2, side, PITCH)
    grid = np.stack(np.meshgrid(spots, spots), axis=-1).reshape(-1, 2) + rng.uniform(-6, 6, (len(spots) ** 2, 2))
    places = np.clip(grid, 0, side - 1).astype(np.int64)
    seeds = features[places[:, 0] * side + places[:, 1]]
    for _ in range(2):
        nearest = (np.square(seeds).sum(axis=1) - 2 * features @ seeds.T).argmin(axis=1)  # |f - s|², less |f|²
        seeds = means(features, nearest, seeds)
    return np.asarray(nearest, np.int64).reshape(side, side)


def means(
    features: NDArray[np.float32], labels: NDArray[np.int64], otherwise: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the mean features of each label; a label that nothing carries keeps the row of `otherwise`."""
    counts = np.bincount(labels, minlength=len(otherwise))
    sums = [np.bincount(labels, column, minlength=len(otherwise)) for column in features.T]
    found = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
    return np.asarray(np.where(counts[:, None] > 0, found, otherwise), np.float32)


def treat(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return each piece in one strong colour, lighter in its middle, with lead between the pieces."""
    labels = pieces(picture, rng)
    count = int(labels.max()) + 1
    glass = means(unit(picture).reshape(-1, 3), labels.ravel(), np.zeros((count, 3), np.float32))
    grey = glass.mean(axis=1, keepdims=True)
    glass = np.clip(0.06 + 0.94 * (grey + (glass - grey) * 1.45) * rng.uniform(0.8, 1.12, (count, 1)), 0, 1)
    large = np.asarray(cv2.medianBlur(enlarged_labels(labels), 7), np.int64)
    side = large.shape[0]
    border = np.zeros((side, side), np.float32)
    border[:, 1:] += large[:, 1:] != large[:, :-1]
    border[1:] += large[1:] != large[:-1]
    lead = step(blurred(np.minimum(border, 1), 1.7), 0.14, 0.08)
    glow = 1.12 - 0.5 * blurred(lead, 6.0) + 0.25 * (noise(side, 30, rng) - 0.5)
    return reduced(mixed(np.asarray(glass[large] * glow[..., None], np.float32), LEAD, lead), picture.shape[0])


def enlarged_labels(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the labels three times as large; there are fewer than 256 of them."""
    return np.asarray(np.repeat(np.repeat(labels, 3, axis=0), 3, axis=1), np.uint8)

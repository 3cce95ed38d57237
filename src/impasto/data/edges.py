"""Edges of a picture as a Canny ControlNet expects them: thin white lines on black, in three channels.

Paper: A Computational Approach to Edge Detection, Canny 1986, in the form that the published ControlNets were trained
on: OpenCV's, with Sobel gradients of 3x3, |g_x| + |g_y| as magnitude, and no smoothing before.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.core.errors import ConfigError

CANNY = (100, 200)
"""Lower and upper threshold, those of the published Canny ControlNets."""

_TANGENT = 13573
"""tan 22.5° in 1/2¹⁵: whole numbers decide ties the same on every machine."""


def canny_edges(
    image: Image.Image, low: int = CANNY[0], high: int = CANNY[1], *, in_colour: bool = False
) -> Float[Tensor, "3 height width"]:
    """Return the edges of a picture: 1 on lines and 0 elsewhere, three equal channels.

    Args:
        image: Any mode.
        low: Gradient above which a line goes on, 0 or more.
        high: Gradient above which a line begins, at least `low`.
        in_colour: Whether each pixel counts in the colour channel in which its gradient is largest, so that lines
            between colours of one brightness are found; pocket's ControlNet was trained on these. If not, the picture
            is made grey first (ITU-R 601), as StyleStudio does it.

    Raises:
        ConfigError: The thresholds are in the wrong order or negative.
    """
    if not 0 <= low <= high:
        raise ConfigError(f"edge thresholds {low} and {high}: needs 0 <= lower <= upper, for example {CANNY}")
    lines = canny(np.asarray(image.convert("RGB" if in_colour else "L")), low, high)
    return torch.from_numpy(lines.astype(np.float32)).expand(3, -1, -1).clone()


def canny(values: NDArray[np.uint8], low: int, high: int) -> NDArray[np.bool_]:
    """Return which pixels lie on an edge, (height, width).

    Args:
        values: 8-bit, (height, width) or (height, width, channels).
        low: Gradient above which a line goes on, 0 or more.
        high: Gradient above which a line begins, at least `low`.
    """
    g_x, g_y = _gradients(values.astype(np.int64))
    if values.ndim == 3:
        steepest = (np.abs(g_x) + np.abs(g_y)).argmax(axis=2)[..., None]
        g_x, g_y = (np.take_along_axis(each, steepest, axis=2)[..., 0] for each in (g_x, g_y))
    magnitude = np.abs(g_x) + np.abs(g_y)
    thin = (magnitude > low) & _is_ridge(magnitude, g_x, g_y)
    return _connected(thin & (magnitude > high), thin)


def _gradients(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return Sobel's derivatives to the right and downwards; the border is repeated."""
    padded = np.pad(values, [(1, 1), (1, 1), (0, 0)][: values.ndim], mode="edge")
    smooth_down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth_right = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return smooth_down[:, 2:] - smooth_down[:, :-2], smooth_right[2:] - smooth_right[:-2]


def _is_ridge(magnitude: NDArray[np.int64], g_x: NDArray[np.int64], g_y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where the magnitude is largest along the gradient, whose direction is rounded to 45°.

    Of two equal neighbours along a row or column the first one wins, so that lines are one pixel wide; outside the
    picture the magnitude is 0.
    """
    height, width = magnitude.shape
    padded = np.pad(magnitude, 1)

    def shifted(down: int, right: int) -> NDArray[np.int64]:
        return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    flat = np.abs(g_x) * _TANGENT
    steep = flat + (np.abs(g_x) << 16)  # tan 67.5° = tan 22.5° + 2
    rise = np.abs(g_y) << 15
    along_row = (magnitude > shifted(0, -1)) & (magnitude >= shifted(0, 1))
    along_column = (magnitude > shifted(-1, 0)) & (magnitude >= shifted(1, 0))
    falling = (magnitude > shifted(-1, -1)) & (magnitude > shifted(1, 1))
    rising = (magnitude > shifted(-1, 1)) & (magnitude > shifted(1, -1))
    diagonal = np.where((g_x < 0) != (g_y < 0), rising, falling)
    return np.where(rise < flat, along_row, np.where(rise > steep, along_column, diagonal))


def _connected(seeds: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return all pixels of `allowed` that touch `seeds`, also by way of others (8 neighbours)."""
    height, width = allowed.shape
    waiting = np.pad(allowed & ~seeds, 1).ravel()
    found = np.pad(seeds, 1).ravel()
    steps = np.array([down * (width + 2) + right for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right])
    front = np.flatnonzero(found)
    while len(front):
        near = np.unique(front[:, None] + steps)
        front = near[waiting[near]]
        waiting[front] = False
        found[front] = True
    return found.reshape(height + 2, width + 2)[1:-1, 1:-1]

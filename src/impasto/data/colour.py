"""Give a picture the colour statistics of another.

y = L_s L_x⁻¹ (x - μ_x) + μ_s, with L the Cholesky factor of the colour covariance    arXiv:1606.05897, Sec. 3
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_EPSILON = 1e-5
"""Added to the variances: a picture of one colour has none."""


def _statistics(pixels: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    covariance = np.cov(pixels, rowvar=False) + _EPSILON * np.eye(3)
    return np.asarray(pixels.mean(axis=0), np.float64), np.asarray(np.linalg.cholesky(covariance), np.float64)


def match_colours(picture: Image.Image, source: Image.Image) -> Image.Image:
    """Return `picture` with mean and covariance of the RGB colours of `source`; sizes may differ."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float64) / 255
    flat = pixels.reshape(-1, 3)
    mean, factor = _statistics(flat)
    wanted_mean, wanted_factor = _statistics(np.asarray(source.convert("RGB"), dtype=np.float64).reshape(-1, 3) / 255)
    matched = (flat - mean) @ np.linalg.inv(factor).T @ wanted_factor.T + wanted_mean
    return Image.fromarray((matched.clip(0, 1) * 255).round().astype(np.uint8).reshape(pixels.shape))

"""Find near-duplicates among pictures by small copies of them: the same picture scaled, saved again or retouched."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image

from impasto.data.images import fit_square, to_tensor

_SIDE = 16
THRESHOLD = 0.04
"""Root mean square difference of two pictures' copies of 16 x 16 pixels, in [0, 1], below which they count as one."""


def distinct(pictures: Sequence[Image.Image], threshold: float = THRESHOLD) -> list[int]:
    """Return the indices of the pictures that are kept: of near-duplicates only the first.

    Args:
        pictures: 8-bit RGB, of any size.
        threshold: See `THRESHOLD`; 0 keeps all.
    """
    kept: list[int] = []
    copies: list[torch.Tensor] = []
    for index, picture in enumerate(pictures):
        copy = to_tensor(fit_square(picture, _SIDE)[0]) / 2
        if all(float((copy - other).square().mean().sqrt()) >= threshold for other in copies):
            kept.append(index)
            copies.append(copy)
    return kept

"""Find near-duplicates among pictures by small copies of them: the same picture scaled, saved again or retouched."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from PIL import Image

from impasto.data.images import fit_square, to_tensor

_SIDE = 16
THRESHOLD = 0.04
"""Root mean square difference of two pictures' copies of 16 x 16 pixels, in [0, 1], below which they count as one."""


def small_copy(picture: Image.Image) -> Image.Image:
    """Return the copy that is compared; a copy of a copy is the same."""
    return fit_square(picture, _SIDE)[0]


def distinct(pictures: Iterable[Image.Image], threshold: float = THRESHOLD) -> list[int]:
    """Return the indices of the pictures that are kept: of near-duplicates only the first.

    Args:
        pictures: 8-bit RGB, of any size; looked at one after the other.
        threshold: See `THRESHOLD`; 0 keeps all.
    """
    kept: list[int] = []
    copies: list[torch.Tensor] = []
    for index, picture in enumerate(pictures):
        copy = to_tensor(small_copy(picture)) / 2
        if all(float((copy - other).square().mean().sqrt()) >= threshold for other in copies):
            kept.append(index)
            copies.append(copy)
    return kept

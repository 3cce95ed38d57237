"""Find near-duplicates among pictures by small copies of them: the same picture scaled, saved again or retouched."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from impasto.data.images import fit_square, to_tensor

_SIDE = 16
THRESHOLD = 0.04
"""Root mean square difference of two pictures' copies of 16 x 16 pixels, in [0, 1], below which they count as one."""


def small_copy(picture: Image.Image) -> Image.Image:
    """Return the copy that is compared; a copy of a copy is the same."""
    return fit_square(picture, _SIDE)[0]


def copies_of(pictures: Iterable[Image.Image]) -> Float[Tensor, "pictures pixels"]:
    """Return small copies as rows, in [-½, ½]; pictures are 8-bit RGB, looked at one after the other."""
    rows = [to_tensor(small_copy(picture)).flatten() / 2 for picture in pictures]
    return torch.stack(rows) if rows else torch.zeros(0, 3 * _SIDE**2)


def differences(first: Float[Tensor, "n pixels"], second: Float[Tensor, "m pixels"]) -> Float[Tensor, "n m"]:
    """Return the root mean square difference of every two copies, from 0 to 1."""
    exactly = "donot_use_mm_for_euclid_dist"  # by products of matrices, equal copies are not at distance 0
    return torch.cdist(first, second, compute_mode=exactly) / math.sqrt(first.shape[1])


def distinct(pictures: Iterable[Image.Image], threshold: float = THRESHOLD) -> list[int]:
    """Return the indices of the pictures that are kept: of near-duplicates only the first.

    Args:
        pictures: 8-bit RGB, of any size; looked at one after the other.
        threshold: See `THRESHOLD`; 0 keeps all.
    """
    kept: list[int] = []
    copies = copies_of(pictures)
    apart = differences(copies, copies)
    for index in range(len(apart)):
        if all(float(apart[index, other]) >= threshold for other in kept):
            kept.append(index)
    return kept

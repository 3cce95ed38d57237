"""Layout stability: how much of the structure stays when words and seed stay and only the style changes.

Two measures of the structure that two pictures share. Both should ignore colour and strokes as far as they can:

- structure of edges: structural similarity (Wang et al. 2004) of maps of luminance edges, from -1 to 1;
- self-similarity (Splice, arXiv:2201.00424, Sec. 3; there as a loss): which places of a picture look alike, by features
  at every place; here the correlation of two pictures' matrices, from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_LUMINANCE = (0.299, 0.587, 0.114)
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
"""Of structural similarity, for values from 0 to 1."""

_AT_ONCE = 64
"""Pairs that are compared at once: memory."""


def edge_maps(pictures: Float[Tensor, "pictures 3 height width"]) -> Float[Tensor, "pictures 1 height width"]:
    """Return Sobel magnitudes of the luminance of pictures in [-1, 1], the strongest edge of each picture at 1."""
    weights = torch.tensor(_LUMINANCE, dtype=pictures.dtype).view(1, 3, 1, 1)
    grey = ((pictures + 1) / 2 * weights).sum(dim=1, keepdim=True)
    across = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]], dtype=pictures.dtype)
    slopes = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), torch.stack([across, across.T])[:, None])
    magnitude = torch.hypot(slopes[:, :1], slopes[:, 1:])
    strongest = magnitude.amax(dim=(1, 2, 3), keepdim=True)
    return magnitude / strongest.clamp(min=1e-6)


def structural_similarity(
    x: Float[Tensor, "pictures 1 height width"], y: Float[Tensor, "pictures 1 height width"]
) -> Float[Tensor, " pictures"]:
    """Return the mean structural similarity of maps from 0 to 1, row by row; sides of at least 11 pixels."""
    place = torch.arange(_WINDOW, dtype=x.dtype) - _WINDOW // 2
    bell = torch.exp(-(place**2) / (2 * _SIGMA**2))
    kernel = (bell[:, None] * bell)[None, None] / bell.sum() ** 2

    def smooth(maps: Tensor) -> Tensor:
        return F.conv2d(maps, kernel)

    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    together = smooth(x * y) - mean_x * mean_y
    similar = (2 * mean_x * mean_y + _C1) * (2 * together + _C2)
    each: Tensor = similar / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))
    return each.mean(dim=(1, 2, 3))


def edge_similarity(
    x: Float[Tensor, "pictures 3 height width"], y: Float[Tensor, "pictures 3 height width"]
) -> Float[Tensor, " pictures"]:
    """Return the structural similarity of the edges of pictures in [-1, 1], row by row."""
    return structural_similarity(edge_maps(x), edge_maps(y))


def self_similarity(places: Float[Tensor, "pictures places channels"]) -> Float[Tensor, "pictures pairs"]:
    """Return the cosine of every pair of places, after the mean over places is taken off."""
    centred = F.normalize(places - places.mean(dim=1, keepdim=True), dim=-1)
    cosines = centred @ centred.transpose(1, 2)
    first, second = torch.triu_indices(places.shape[1], places.shape[1], offset=1)
    return cosines[:, first, second]


def self_similarity_agreement(
    x: Float[Tensor, "pictures places channels"], y: Float[Tensor, "pictures places channels"]
) -> Float[Tensor, " pictures"]:
    """Return the correlation of the self-similarities of x and y, row by row."""
    first, second = (each - each.mean(dim=1, keepdim=True) for each in (self_similarity(x), self_similarity(y)))
    return F.cosine_similarity(first, second, dim=1)


def layout_stability(group: Tensor, similarity: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Return the mean similarity of all pairs in a group: pictures of the same words and seed in several styles.

    Args:
        group: At least two pictures, or their features at every place.
        similarity: `edge_similarity` or `self_similarity_agreement`.

    Raises:
        ValueError: There are fewer than two.
    """
    if len(group) < 2:
        raise ValueError(f"layout stability compares pictures of one seed in several styles, got {len(group)}")
    first, second = torch.triu_indices(len(group), len(group), offset=1)
    parts = zip(first.split(_AT_ONCE), second.split(_AT_ONCE), strict=True)
    return float(torch.cat([similarity(group[one], group[other]) for one, other in parts]).mean())

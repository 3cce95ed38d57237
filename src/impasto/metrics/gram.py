"""Style similarity by Gram matrices: which features occur together, whatever their place.

Paper: A Neural Algorithm of Artistic Style, arXiv:1508.06576, Eq. 3 (there as a loss; here the cosine of two centred
Gram matrices).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.metrics._errors import jackknife_variance
from impasto.metrics._protocol import FeatureSets, Measurement

_GROUPS = 10


def gram(features: Float[Tensor, "pictures places channels"]) -> Float[Tensor, "pictures channels channels"]:
    """Return the Gram matrix of each picture's features over places, divided by the number of places."""
    return features.transpose(1, 2) @ features / features.shape[1]


def gram_similarity(
    x: Float[Tensor, "pictures places channels"],
    y: Float[Tensor, "pictures places channels"],
    centre: Float[Tensor, "channels channels"],
) -> Float[Tensor, " pictures"]:
    """Return the cosine of the Gram matrices of x and y, row by row, after taking `centre` from both.

    Args:
        x: Features at every place of some pictures.
        y: Features of as many others, of the same shape.
        centre: The mean Gram matrix of many pictures: what all pictures share says nothing about style.
    """
    first, second = ((gram(each) - centre).flatten(1) for each in (x, y))
    return torch.nn.functional.cosine_similarity(first, second, dim=1)


def gram_distance(
    x: Float[Tensor, "m channels channels"], y: Float[Tensor, "n channels channels"]
) -> Float[Tensor, ""]:
    """Return how far the means of two sets of Gram matrices are apart, as a share of the second's size.

    ‖Ḡₓ - Ḡᵧ‖ / ‖Ḡᵧ‖, Frobenius norms.
    """
    first, second = x.double().mean(dim=0), y.double().mean(dim=0)
    distance: Tensor = (first - second).norm() / second.norm()
    return distance


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the distance to the reference, for features that know places; error: jackknife over ten groups."""
    if sets.drawn_places is None or sets.real_places is None:
        return
    drawn, real = gram(sets.drawn_places), gram(sets.real_places)
    without_drawn = torch.stack([gram_distance(kept, real) for kept in _without_groups(drawn)])
    without_real = torch.stack([gram_distance(drawn, kept) for kept in _without_groups(real)])
    variance = jackknife_variance(without_drawn) + jackknife_variance(without_real)
    counts = len(drawn), len(real)
    yield Measurement("Gram distance", float(gram_distance(drawn, real)), float(variance.sqrt()), counts, "lower")


def _without_groups(whole: Float[Tensor, "n channels channels"]) -> Iterator[Float[Tensor, "fewer channels channels"]]:
    groups = min(_GROUPS, len(whole))
    for group in range(groups):
        yield whole[torch.arange(len(whole)) % groups != group]

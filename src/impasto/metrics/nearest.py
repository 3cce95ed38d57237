"""Memorisation: how near drawn pictures come to the training picture that is nearest to them.

Distances between sets reward copies: they are blind to over-fitting. The real pictures that no training saw say how
near is usual within the style.

Paper: A Non-Parametric Test to Detect Data-Copying in Generative Models, arXiv:2004.05675: the share of pairs (drawn,
unseen) in which the drawn picture is nearer to the training pictures (its Mann-Whitney statistic, without cells).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from impasto.metrics._cosines import cosines
from impasto.metrics._errors import grouped_mean, two_sample_mean
from impasto.metrics._protocol import FeatureSets, Measurement


def nearest(
    pictures: Float[Tensor, "pictures dim"], training: Float[Tensor, "training dim"]
) -> tuple[Float[Tensor, " pictures"], Int[Tensor, " pictures"]]:
    """Return for each picture the cosine to its nearest training picture, and which one that is."""
    found = cosines(pictures, training).max(dim=1)
    return found.values, found.indices


def nearer_than(drawn: Float[Tensor, " drawn"], unseen: Float[Tensor, " unseen"]) -> Float[Tensor, "drawn unseen"]:
    """Return for all pairs 1 where the drawn picture is nearer to its training picture, ½ at a tie, else 0."""
    difference = drawn.double()[:, None] - unseen.double()[None]
    return (torch.sign(difference) + 1) / 2


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the mean cosine to the nearest training picture, and how often it is nearer than an unseen real picture.

    The share is ½ when drawn pictures are as near as unseen ones of the same artist, and 1 when every one is nearer.
    """
    if sets.training is None:
        return
    similar, _ = nearest(sets.drawn, sets.training)
    mean, error = grouped_mean(similar, sets.prompts)
    counts = len(sets.drawn), len(sets.training)
    yield Measurement("nearest training picture", mean, error, counts, "neither")
    if sets.real is not None:
        unseen, _ = nearest(sets.real, sets.training)
        share, error = two_sample_mean(nearer_than(similar, unseen))
        yield Measurement("nearer to training than unseen", share, error, (len(sets.drawn), len(sets.real)), "lower")

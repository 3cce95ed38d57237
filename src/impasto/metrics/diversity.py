"""Diversity: how different drawn pictures are from each other, 1 - cosine, of all pairs and within one prompt.

More is better only up to what the real pictures show: their own diversity stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.metrics._cosines import cosines
from impasto.metrics._errors import grouped_mean, jackknife_variance
from impasto.metrics._protocol import FeatureSets, Measurement


def diversity(features: Float[Tensor, "n dim"]) -> tuple[float, float]:
    """Return the mean of 1 - cosine over all pairs of different pictures, and its standard error (jackknife).

    Raises:
        ValueError: There are fewer than three pictures.
    """
    count = len(features)
    if count < 3:
        raise ValueError(f"diversity needs at least 3 pictures, got {count}")
    apart = 1 - cosines(features, features)
    apart.fill_diagonal_(0)
    total, rows = apart.sum(), apart.sum(dim=1)
    left_out = (total - 2 * rows) / ((count - 1) * (count - 2))
    return float(total / (count * (count - 1))), float(jackknife_variance(left_out).sqrt())


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the diversity of drawn pictures and reference, and within prompts that were drawn more than once."""
    if len(sets.drawn) >= 3:
        yield Measurement("diversity", *diversity(sets.drawn), (len(sets.drawn),), "higher")
    if sets.real is not None and len(sets.real) >= 3:
        yield Measurement("diversity of the reference", *diversity(sets.real), (len(sets.real),), "neither")
    rows: dict[str, list[int]] = {}
    for index, prompt in enumerate(sets.prompts):
        rows.setdefault(prompt, []).append(index)
    several = {prompt: each for prompt, each in rows.items() if len(each) > 1}
    if several:
        within = [_mean_apart(sets.drawn[each]) for each in several.values()]
        mean, error = grouped_mean(torch.tensor(within, dtype=torch.double), list(several))
        counts = (sum(map(len, several.values())),)
        yield Measurement("diversity within a prompt", mean, error, counts, "higher")


def _mean_apart(features: Float[Tensor, "n dim"]) -> float:
    apart = 1 - cosines(features, features)
    return float((apart.sum() - apart.diagonal().sum()) / (len(features) * (len(features) - 1)))

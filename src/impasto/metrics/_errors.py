"""Standard errors of means over pictures and over pairs of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def grouped_mean(values: Float[Tensor, " pictures"], groups: Sequence[str]) -> tuple[float, float]:
    """Return the mean over groups of the mean within each, and its standard error over groups.

    Pictures of one prompt resemble each other: counting each of them as independent would understate the error.

    Args:
        values: One for each picture.
        groups: Name of each picture's group.

    Returns:
        Mean and standard error; the error is infinite with a single group.
    """
    names = {name: index for index, name in enumerate(dict.fromkeys(groups))}
    rows = torch.tensor([names[name] for name in groups])
    sums = torch.zeros(len(names), dtype=torch.double).index_add_(0, rows, values.double())
    means = sums / torch.bincount(rows, minlength=len(names))
    error = float(means.std() / len(means) ** 0.5) if len(means) > 1 else float("inf")
    return float(means.mean()), error


def two_sample_mean(values: Float[Tensor, "m n"]) -> tuple[float, float]:
    """Return the mean over all pairs of two sets, and its standard error: the jackknife over rows and over columns.

    Raises:
        ValueError: A set has fewer than two pictures.
    """
    if min(values.shape) < 2:
        raise ValueError(f"an error over pairs needs at least 2 pictures in each set, got {tuple(values.shape)}")
    values = values.double()
    variance = sum(float(values.mean(dim=1 - side).var()) / values.shape[side] for side in (0, 1))
    return float(values.mean()), variance**0.5


def jackknife_variance(left_out: Float[Tensor, " times"]) -> Tensor:
    """Return the jackknife's variance of a value, from its values with each picture (or group) left out."""
    count = len(left_out)
    return (count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()

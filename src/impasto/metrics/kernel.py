"""Kernel distance (KID): the squared maximum mean discrepancy of two sets of features, unbiased. Lower is better.

Paper: Demystifying MMD GANs, arXiv:1801.01401. Kernel k(x, y) = (xᵀy / d + 1)³. Unit-length features are scaled to √d
first, so that the kernel sees values of the size it was made for; those of Inception are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.rng import generator
from impasto.metrics._errors import jackknife_variance
from impasto.metrics._mmd import off_diagonal, row_sums, unbiased_mmd
from impasto.metrics._protocol import FeatureSets, Measurement

_SUBSETS, _LARGEST_SUBSET = 100, 1000
"""As torch-fidelity draws them; small sets are halved instead, or all subsets would be the same."""


@dataclass(frozen=True, slots=True)
class KernelDistance:
    """A kernel distance with its standard error (jackknife over pictures)."""

    value: float
    standard_error: float


def polynomial_kernel(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> Float[Tensor, "m n"]:
    """Return (xᵀy / d + 1)³ for all pairs."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_distance(
    x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"], *, has_unit_length: bool = True
) -> KernelDistance:
    """Return the distance of two sets of features (arXiv:1801.01401, Eq. 4), with the jackknife's standard error.

    Args:
        x: Features of one set.
        y: Features of the other set.
        has_unit_length: Whether features have length 1 and are to be scaled to √d.

    Raises:
        ValueError: A set has fewer than three features.
    """
    x, y = _sized(x, has_unit_length), _sized(y, has_unit_length)
    return KernelDistance(*unbiased_mmd(polynomial_kernel(x, x), polynomial_kernel(y, y), polynomial_kernel(x, y)))


@dataclass(frozen=True, slots=True)
class SubsetDistance:
    """The kernel distance as it is usually published: over random subsets.

    Attributes:
        mean: Over subsets.
        standard_deviation: Over subsets, as torch-fidelity and torchmetrics print it. It is no error of the mean:
            subsets share pictures.
        subsets: How many.
        size: Pictures of each set in a subset.
    """

    mean: float
    standard_deviation: float
    subsets: int
    size: int


def kernel_distance_of_subsets(
    x: Float[Tensor, "m dim"],
    y: Float[Tensor, "n dim"],
    rng: torch.Generator,
    *,
    subsets: int = _SUBSETS,
    size: int | None = None,
    has_unit_length: bool = True,
) -> SubsetDistance:
    """Return the mean distance of random subsets of equal size.

    Args:
        x: Features of one set.
        y: Features of the other set.
        rng: Draws the subsets, without replacement within one.
        subsets: How many.
        size: Pictures of each set in a subset; by default 1000, or half of the smaller set.
        has_unit_length: See `kernel_distance`.

    Raises:
        ValueError: A subset would have fewer than three pictures or more than there are.
    """
    smaller = min(len(x), len(y))
    size = min(_LARGEST_SUBSET, smaller // 2) if size is None else size
    if not 3 <= size <= smaller:
        raise ValueError(f"a subset of {size} pictures does not fit: from 3 to {smaller}")
    values = [
        kernel_distance(
            *(each[torch.randperm(len(each), generator=rng)[:size]] for each in (x, y)), has_unit_length=has_unit_length
        ).value
        for _ in range(subsets)
    ]
    found = torch.tensor(values, dtype=torch.double)
    return SubsetDistance(float(found.mean()), float(found.std(correction=0)), subsets, size)


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the distance to the reference, of all pictures and, for large sets, as it is usually published."""
    if sets.real is None:
        return
    counts = len(sets.drawn), len(sets.real)
    found = kernel_distance(sets.drawn, sets.real, has_unit_length=sets.has_unit_length)
    yield Measurement("KID", found.value, found.standard_error, counts, "lower")
    if min(counts) >= 2 * _LARGEST_SUBSET:
        drawn = kernel_distance_of_subsets(sets.drawn, sets.real, generator(0), has_unit_length=sets.has_unit_length)
        name = f"KID, {drawn.subsets} subsets of {drawn.size} ± deviation"
        yield Measurement(name, drawn.mean, drawn.standard_deviation, counts, "lower")


def kernel_distance_change(
    before: Float[Tensor, "n dim"], after: Float[Tensor, "n dim"], real: Float[Tensor, "n dim"]
) -> KernelDistance:
    """Return the distance of `after` to `real` minus that of `before`: negative means nearer.

    Row i of all three sets shows the same subject. The standard error is the paired jackknife's: each subject is left
    out of all three sets at once, so that what is hard to draw before and after alike does not count as noise.

    Raises:
        ValueError: The sets differ in size or have fewer than three features.
    """
    if not len(before) == len(after) == len(real) or len(real) < 3:
        raise ValueError(f"needs three sets of equal size, at least 3, got {len(before)}, {len(after)}, {len(real)}")
    total, left_out = zip(*(_paired_terms(drawn, real) for drawn in (before, after)), strict=True)
    variance = jackknife_variance(left_out[1] - left_out[0])
    return KernelDistance(float(total[1] - total[0]), float(variance.sqrt()))


def _paired_terms(drawn: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return the part of the distance that depends on `drawn`, and its values with each subject left out."""
    x, y = _sized(drawn, True), _sized(real, True)
    within, across, n = polynomial_kernel(x, x), polynomial_kernel(x, y), len(x)
    sums = off_diagonal(within), across.sum()
    fewer = (
        sums[0] - 2 * row_sums(within),
        sums[1] - across.sum(dim=1) - across.sum(dim=0) + across.diagonal(),
    )
    whole = sums[0] / (n * (n - 1)) - 2 * sums[1] / n**2
    return whole, fewer[0] / ((n - 1) * (n - 2)) - 2 * fewer[1] / (n - 1) ** 2


def _sized(features: Float[Tensor, "n dim"], has_unit_length: bool) -> Float[Tensor, "n dim"]:
    return features.double() * (features.shape[1] ** 0.5 if has_unit_length else 1.0)

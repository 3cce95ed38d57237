"""Fréchet distance (FID with Inception's features): two Gaussians, one for each set. Lower is better.

Paper: GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, arXiv:1706.08500, Eq. 6.

It is biased, and the bias depends on the model (arXiv:1911.07023): equal counts do not cure it. With no more pictures
than dimensions the covariance is singular, and the number says more about the count than about the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.metrics._errors import jackknife_variance
from impasto.metrics._protocol import FeatureSets, Measurement

_GROUPS = 10


def frechet_distance(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> float:
    """Return ‖μₓ - μᵧ‖² + tr Σₓ + tr Σᵧ - 2 tr (Σₓ Σᵧ)^½.

    With centred rows A (Σₓ = AᵀA) and B (Σᵧ = BᵀB), the eigenvalues of Σₓ Σᵧ are the squared singular values of A Bᵀ,
    so the last trace is their sum. No matrix root is taken: singular covariances need no care, and nothing turns
    complex.

    Raises:
        ValueError: A set has fewer than two features.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f"a covariance needs at least 2 pictures in each set, got {len(x)} and {len(y)}")
    x, y = x.double(), y.double()
    a, b = _root(x), _root(y)
    means = ((x.mean(dim=0) - y.mean(dim=0)) ** 2).sum()
    distance = means + (a**2).sum() + (b**2).sum() - 2 * torch.linalg.svdvals(a @ b.T).sum()
    return float(distance.clamp(min=0))  # rounding may leave less than nothing between equal sets


def frechet_error(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> float:
    """Return the standard error: the jackknife over ten groups of each set. It says nothing of the bias."""
    variance: float = 0.0
    for left_out_of_x, whole, other in ((True, x, y), (False, y, x)):
        groups = min(_GROUPS, len(whole) // 2)
        values = []
        for group in range(groups):
            kept = whole[torch.arange(len(whole)) % groups != group]
            values.append(frechet_distance(kept, other) if left_out_of_x else frechet_distance(other, kept))
        variance += float(jackknife_variance(torch.tensor(values, dtype=torch.double)))
    return float(variance**0.5)


def too_few(counts: tuple[int, int], dimension: int) -> str:
    """Return why the sets are too small for features of this dimension, or nothing.

    The rule: the covariance of N pictures has rank N - 1 at most, so N must be larger than the dimension.
    """
    smaller = min(counts)
    if smaller > dimension:
        return ""
    return (
        f"{smaller} pictures are too few for {dimension} dimensions: the covariance has rank {smaller - 1} at most; "
        f"draw more than {dimension}, or trust KID and CMMD"
    )


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the distance to the reference."""
    if sets.real is None:
        return
    counts = len(sets.drawn), len(sets.real)
    value, error = frechet_distance(sets.drawn, sets.real), frechet_error(sets.drawn, sets.real)
    yield Measurement("Fréchet", value, error, counts, "lower", too_few(counts, sets.drawn.shape[1]))


def _root(features: Float[Tensor, "n dim"]) -> Float[Tensor, "rows dim"]:
    """Return a matrix A with AᵀA = Σ that has at most as many rows as columns."""
    centred: Tensor = (features - features.mean(dim=0)) / (len(features) - 1) ** 0.5
    if len(centred) <= centred.shape[1]:
        return centred
    triangle: Tensor = torch.linalg.qr(centred, mode="r").R
    return triangle

"""The squared maximum mean discrepancy of two sets, from their kernel matrices.

Paper: A Kernel Two-Sample Test, JMLR 13 (2012), Lemma 6; Eq. 3 without bias, Eq. 5 with it.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from impasto.metrics._errors import jackknife_variance


def unbiased_mmd(
    within_x: Float[Tensor, "m m"], within_y: Float[Tensor, "n n"], across: Float[Tensor, "m n"]
) -> tuple[float, float]:
    """Return the unbiased estimate, and its standard error by leaving out every picture of either set once.

    MMD²ᵤ = Σ_{i≠j} k(xᵢ, xⱼ) / m(m-1) + Σ_{i≠j} k(yᵢ, yⱼ) / n(n-1) - 2 Σ_{ij} k(xᵢ, yⱼ) / mn

    Raises:
        ValueError: A set has fewer than three pictures.
    """
    m, n = across.shape
    if min(m, n) < 3:
        raise ValueError(f"a kernel distance needs at least 3 pictures in each set, got {m} and {n}")
    all_x, all_y, all_across = off_diagonal(within_x), off_diagonal(within_y), across.sum()
    value = _mmd(all_x, all_y, all_across, m, n)
    without_x = _mmd(all_x - 2 * row_sums(within_x), all_y, all_across - across.sum(dim=1), m - 1, n)
    without_y = _mmd(all_x, all_y - 2 * row_sums(within_y), all_across - across.sum(dim=0), m, n - 1)
    variance = jackknife_variance(without_x) + jackknife_variance(without_y)
    return float(value), float(variance.sqrt())


def biased_mmd(within_x: Float[Tensor, "m m"], within_y: Float[Tensor, "n n"], across: Float[Tensor, "m n"]) -> float:
    """Return the estimate that counts every picture as a pair with itself: never negative, too large for few."""
    return float(within_x.mean() + within_y.mean() - 2 * across.mean())


def off_diagonal(kernel: Float[Tensor, "n n"]) -> Float[Tensor, ""]:
    """Return the sum over all pairs of different pictures."""
    return kernel.sum() - kernel.diagonal().sum()


def row_sums(kernel: Float[Tensor, "n n"]) -> Float[Tensor, " n"]:
    """Return for each picture the sum over all others."""
    return kernel.sum(dim=1) - kernel.diagonal()


def _mmd(within_x: Tensor, within_y: Tensor, across: Tensor, m: int, n: int) -> Tensor:
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * across / (m * n)

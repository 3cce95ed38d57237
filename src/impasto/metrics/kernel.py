"""Kernel distance (KID): the squared maximum mean discrepancy of two sets of features, unbiased. Lower is better.

Paper: Demystifying MMD GANs, arXiv:1801.01401. Kernel k(x, y) = (xᵀy / d + 1)³. Unit-length features are scaled to √d
first, so that the kernel sees values of the size it was made for.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class KernelDistance:
    """A kernel distance with its standard error (jackknife over pictures)."""

    value: float
    standard_error: float


def polynomial_kernel(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> Float[Tensor, "m n"]:
    """Return (xᵀy / d + 1)³ for all pairs."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_distance(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> KernelDistance:
    """Return the distance of two sets of unit-length features.

    MMD²ᵤ = Σ_{i≠j} k(xᵢ, xⱼ) / m(m-1) + Σ_{i≠j} k(yᵢ, yⱼ) / n(n-1) - 2 Σ_{ij} k(xᵢ, yⱼ) / mn
    (arXiv:1801.01401, Eq. 4)

    The standard error is the jackknife's: every picture of either set is left out once.

    Raises:
        ValueError: A set has fewer than three features.
    """
    if min(len(x), len(y)) < 3:
        raise ValueError(f"a kernel distance needs at least 3 pictures in each set, got {len(x)} and {len(y)}")
    x, y = (features.double() * features.shape[1] ** 0.5 for features in (x, y))
    within_x, within_y, across = polynomial_kernel(x, x), polynomial_kernel(y, y), polynomial_kernel(x, y)
    value = _mmd(_off_diagonal(within_x), _off_diagonal(within_y), across.sum(), len(x), len(y))
    without_x = _mmd(
        _off_diagonal(within_x) - 2 * _row_sums(within_x),
        _off_diagonal(within_y),
        across.sum() - across.sum(dim=1),
        len(x) - 1,
        len(y),
    )
    without_y = _mmd(
        _off_diagonal(within_x),
        _off_diagonal(within_y) - 2 * _row_sums(within_y),
        across.sum() - across.sum(dim=0),
        len(x),
        len(y) - 1,
    )
    variance = _jackknife_variance(without_x) + _jackknife_variance(without_y)
    return KernelDistance(float(value), float(variance.sqrt()))


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
    variance = _jackknife_variance(left_out[1] - left_out[0])
    return KernelDistance(float(total[1] - total[0]), float(variance.sqrt()))


def _paired_terms(drawn: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return the part of the distance that depends on `drawn`, and its values with each subject left out."""
    x, y = (features.double() * features.shape[1] ** 0.5 for features in (drawn, real))
    within, across, n = polynomial_kernel(x, x), polynomial_kernel(x, y), len(x)
    sums = _off_diagonal(within), across.sum()
    fewer = (
        sums[0] - 2 * _row_sums(within),
        sums[1] - across.sum(dim=1) - across.sum(dim=0) + across.diagonal(),
    )
    whole = sums[0] / (n * (n - 1)) - 2 * sums[1] / n**2
    return whole, fewer[0] / ((n - 1) * (n - 2)) - 2 * fewer[1] / (n - 1) ** 2


def _mmd(within_x: Tensor, within_y: Tensor, across: Tensor, m: int, n: int) -> Tensor:
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * across / (m * n)


def _off_diagonal(kernel: Tensor) -> Tensor:
    return kernel.sum() - kernel.diagonal().sum()


def _row_sums(kernel: Tensor) -> Tensor:
    return kernel.sum(dim=1) - kernel.diagonal()


def _jackknife_variance(left_out: Tensor) -> Tensor:
    count = len(left_out)
    return (count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()

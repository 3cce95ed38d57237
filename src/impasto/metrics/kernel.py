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


def _mmd(within_x: Tensor, within_y: Tensor, across: Tensor, m: int, n: int) -> Tensor:
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * across / (m * n)


def _off_diagonal(kernel: Tensor) -> Tensor:
    return kernel.sum() - kernel.diagonal().sum()


def _row_sums(kernel: Tensor) -> Tensor:
    return kernel.sum(dim=1) - kernel.diagonal()


def _jackknife_variance(left_out: Tensor) -> Tensor:
    count = len(left_out)
    return (count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()

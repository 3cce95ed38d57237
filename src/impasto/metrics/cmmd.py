"""CMMD: the squared maximum mean discrepancy with a Gaussian kernel, made for CLIP's features. Lower is better.

Paper: Rethinking FID: Towards a Better Evaluation Metric for Image Generation, arXiv:2401.09603. σ = 10 and the
factor 1000 are those of the official code, as is the unit length of features; the paper's numbers are of CLIP ViT-L/14
at 336 px. The paper writes the unbiased estimate, its code computes the biased one. Here the unbiased one is reported,
since the other grows when pictures are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.metrics._mmd import biased_mmd, unbiased_mmd
from impasto.metrics._protocol import FeatureSets, Measurement

SIGMA, SCALE = 10.0, 1000.0


@dataclass(frozen=True, slots=True)
class Cmmd:
    """CMMD of two sets.

    Attributes:
        value: Unbiased.
        standard_error: Of `value`, by the jackknife over pictures.
        biased: As the official code computes it.
    """

    value: float
    standard_error: float
    biased: float


def gaussian_kernel(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> Float[Tensor, "m n"]:
    """Return exp(-‖x - y‖² / 2σ²) for all pairs."""
    squares = (x**2).sum(dim=1)[:, None] + (y**2).sum(dim=1)[None] - 2 * x @ y.T
    return torch.exp(-squares.clamp(min=0) / (2 * SIGMA**2))


def cmmd(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> Cmmd:
    """Return the distance of two sets of unit-length features, times 1000.

    Raises:
        ValueError: A set has fewer than three features.
    """
    x, y = x.double(), y.double()
    kernels = gaussian_kernel(x, x), gaussian_kernel(y, y), gaussian_kernel(x, y)
    value, error = unbiased_mmd(*kernels)
    return Cmmd(SCALE * value, SCALE * error, SCALE * biased_mmd(*kernels))


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the distance to the reference; nothing for features that have no unit length."""
    if sets.real is None or not sets.has_unit_length:
        return
    found = cmmd(sets.drawn, sets.real)
    yield Measurement("CMMD", found.value, found.standard_error, (len(sets.drawn), len(sets.real)), "lower")

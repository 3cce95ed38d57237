"""Suppress the small directions of keys and values: the singular-value variant of CleanStyle, arXiv:2602.20721.

M = U diag(σ) Vᵀ becomes U diag(σ') Vᵀ with σ'_i = σ_i for the first k singular values and σ'_i = σ_i exp(-a σ_i) for
the others. With k = 0 the large ones go first and what is common to all tokens goes with them: keys and values of a
picture without its style, which the unconditional branch can be shown (automatic negative style, a = 0.2 there).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

AUTOMATIC = 0.2
"""a of the authors' automatic negative style."""


def suppressed_values(values: Float[Tensor, "*batch count"], strength: float, keep: int) -> Tensor:
    """Return σ' of falling singular values σ, of which the first `keep` stay."""
    shrunk = values * torch.exp(-strength * values)
    is_kept = torch.arange(values.shape[-1], device=values.device) < keep
    return torch.where(is_kept, values, shrunk)


def suppressed(
    matrix: Float[Tensor, "*batch tokens channels"], strength: float, keep: int = 0
) -> Float[Tensor, "*batch tokens channels"]:
    """Return the matrix with the singular values behind the first `keep` suppressed; the directions stay.

    Args:
        matrix: Keys or values of one picture, in any precision; computed in float32 or better.
        strength: a, at least 0; with 0 the matrix itself is returned.
        keep: k, how many singular values stay as they are; with all of them the matrix itself is returned.

    Raises:
        ValueError: `strength` or `keep` is negative.
    """
    if strength < 0 or keep < 0:
        raise ValueError(f"strength {strength} and keep {keep} must be at least 0")
    if strength == 0 or keep >= min(matrix.shape[-2:]):
        return matrix
    left, values, right = torch.linalg.svd(
        matrix.to(torch.promote_types(matrix.dtype, torch.float32)), full_matrices=False
    )
    made: Tensor = (left * suppressed_values(values, strength, keep)[..., None, :]) @ right
    return made.to(matrix.dtype)

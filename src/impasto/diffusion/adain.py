"""Adaptive instance normalisation: give one set of features the mean and spread of another.

AdaIN(T, S) = σ(S) (T - μ(T)) / σ(T) + μ(S)        arXiv:1703.06868, Eq. 8

Mean and spread are taken over the tokens, for each row and channel by itself, in float32 or better. StyleStudio gives
the attention to words (T) the statistics of the attention to a style picture (S), StyleAligned gives queries and keys
those of a reference. The epsilon stands under the root of T's variance alone, so the result has S's mean and spread
wherever T varies at all, and S's mean where T is constant (as with words that are all zeros).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-6
"""Added to the variance of T; the spread of attention outputs is of order 0.1."""


def adain(
    content: Float[Tensor, "*batch tokens channels"],
    style: Float[Tensor, "*batch other_tokens channels"],
    strength: float = 1.0,
) -> Float[Tensor, "*batch tokens channels"]:
    """Return (1 - a) T + a AdaIN(T, S) with a the `strength`; 0 returns `content` itself."""
    return blended_adain(content, [style], [strength])


def blended_adain(
    content: Float[Tensor, "*batch tokens channels"],
    styles: Sequence[Float[Tensor, "*batch other_tokens channels"]],
    weights: Sequence[float],
) -> Float[Tensor, "*batch tokens channels"]:
    """Return T + Σ_i w_i (AdaIN(T, S_i) - T), in the precision of `content`.

    With weights that add up to 1 it is AdaIN with blended statistics, because AdaIN is linear in μ(S) and σ(S).
    """
    active = [(style, weight) for style, weight in zip(styles, weights, strict=True) if weight != 0]
    if not active:
        return content
    precise = torch.promote_types(content.dtype, torch.float32)
    exact = content.to(precise)
    mean, variance = _mean_and_variance(exact)
    inverse = (variance + EPSILON).rsqrt()
    gain, shift = torch.ones_like(mean), torch.zeros_like(mean)
    for style, weight in active:
        style_mean, style_variance = _mean_and_variance(style.to(precise))
        ratio = style_variance.sqrt() * inverse
        gain = gain + weight * (ratio - 1)
        shift = shift + weight * (style_mean - mean * ratio)
    return torch.addcmul(shift, exact, gain).to(content.dtype)


def _mean_and_variance(features: Float[Tensor, "*batch tokens channels"]) -> tuple[Tensor, Tensor]:
    """Return both over the tokens, in two passes: torch.var_mean over this axis is several times slower on a CPU."""
    mean = features.mean(dim=-2, keepdim=True)
    return mean, (features - mean).square().mean(dim=-2, keepdim=True)

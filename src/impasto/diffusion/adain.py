"""Adaptive instance normalisation: give one set of features the mean and spread of another.

AdaIN(T, S) = σ(S) (T - μ(T)) / σ(T) + μ(S)        arXiv:1703.06868, Eq. 8

Mean and spread are taken over the tokens, for each row and channel by itself, in float32 or better. StyleStudio gives
the attention to words (T) the statistics of the attention to a style picture (S), StyleAligned gives queries and keys
those of a reference. The epsilon stands under the root of T's variance alone, so the result has S's mean and spread
wherever T varies at all, and S's mean where T is constant (as with words that are all zeros). The authors of
StyleStudio add none: it is there for rounding, and as small as the precision allows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


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
    masks: Sequence[Float[Tensor, "*batch tokens 1"] | None] | None = None,
) -> Float[Tensor, "*batch tokens channels"]:
    """Return T + Σ_i m_i w_i (AdaIN(T, S_i) - T), in the precision of `content`.

    With weights that add up to 1 it is AdaIN with blended statistics, because AdaIN is linear in μ(S) and σ(S).

    Args:
        content: T.
        styles: S_i, on the same tokens as T where there is a mask.
        weights: w_i.
        masks: m_i, the share of each token that style i is shown to; None for all. Mean and spread of T and S_i are
            then those of the region. A mask of ones changes no bit, one of zeros returns T.
    """
    given = [None] * len(styles) if masks is None else masks
    active = [each for each in zip(styles, weights, given, strict=True) if each[1] != 0]
    if not active:
        return content
    precise = torch.promote_types(content.dtype, torch.float32)
    epsilon = epsilon_of(precise)
    exact = content.to(precise)
    whole = _mean_and_variance(exact) if any(mask is None for *_, mask in active) else None
    gain: float | Tensor = 1.0
    shift: float | Tensor = 0.0
    for style, weight, mask in active:
        region = None if mask is None else mask.to(precise)
        mean, variance = whole if region is None and whole is not None else _mean_and_variance(exact, region)
        style_mean, style_variance = _mean_and_variance(style.to(precise), region)
        ratio = style_variance.sqrt() * (variance + epsilon).rsqrt()
        share = weight if region is None else weight * region
        gain = gain + share * (ratio - 1)
        shift = shift + share * (style_mean - mean * ratio)
    return torch.addcmul(torch.as_tensor(shift), exact, torch.as_tensor(gain)).to(content.dtype)


def epsilon_of(dtype: torch.dtype) -> float:
    """Return what is added to the variance of T, which is of order 0.01: about 1e-10 in float32, 1e-19 in float64."""
    return torch.finfo(dtype).eps / 1000


def _mean_and_variance(
    features: Float[Tensor, "*batch tokens channels"], region: Float[Tensor, "*batch tokens 1"] | None = None
) -> tuple[Tensor, Tensor]:
    """Return both over the tokens, in two passes: torch.var_mean over this axis is several times slower on a CPU."""
    if region is None:
        mean = features.mean(dim=-2, keepdim=True)
        return mean, (features - mean).square().mean(dim=-2, keepdim=True)
    size = region.mean(dim=-2, keepdim=True).clamp(min=torch.finfo(region.dtype).tiny)  # an empty region has no mean
    mean = (region * features).mean(dim=-2, keepdim=True) / size
    return mean, (region * (features - mean).square()).mean(dim=-2, keepdim=True) / size

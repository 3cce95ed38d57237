"""How the predictions of several branches become one."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def classifier_free(
    unconditional: Float[Tensor, "batch c h w"], text: Float[Tensor, "batch c h w"], guidance_scale: float
) -> Float[Tensor, "batch c h w"]:
    """Return the guided prediction; `guidance_scale` 1 is the text branch alone.

    ε̃ = ε(∅) + s (ε(c) - ε(∅))       arXiv:2207.12598, Eq. 6 with s = 1 + w
    """
    return unconditional + guidance_scale * (text - unconditional)

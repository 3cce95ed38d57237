"""The denoising loss and its weighted sum over streams."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor


def squared_error(
    predicted: Float[Tensor, "batch c h w"], target: Float[Tensor, "batch c h w"]
) -> Float[Tensor, " batch"]:
    """Return the mean squared error of each row, in float32.

    ||ε - ε_θ(x_t, t, c)||² averaged over channels and places     arXiv:2006.11239, Eq. 14
    """
    return ((predicted.float() - target.float()) ** 2).mean(dim=(1, 2, 3))


def weighted_sum(terms: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]) -> Float[Tensor, ""]:
    """Return Σ weight · term over the named streams; every term needs a weight."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()

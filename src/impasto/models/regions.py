"""Region masks at the places of attention layers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from impasto.core.errors import ConfigError


def grid_of(height: int, width: int, tokens: int) -> tuple[int, int]:
    """Return rows and columns of the places of an attention layer.

    A denoiser halves both sides from level to level and rounds up, as the autoencoder does before it, so the grid is
    that of the one halving which has so many places.

    Args:
        height: Of the picture that is drawn, in pixels.
        width: Of the picture that is drawn, in pixels.
        tokens: How many places the layer has.

    Raises:
        ConfigError: No halving of this size has so many places.
    """
    rows, columns = height, width
    while rows * columns > tokens and rows * columns > 1:
        rows, columns = -(-rows // 2), -(-columns // 2)
    if rows * columns != tokens:
        raise ConfigError(
            f"mask of {width}x{height} does not fit an attention layer of {tokens} places: make it the size of the "
            "picture that is drawn"
        )
    return rows, columns


def at_places(
    mask: Float[Tensor, "rows height width"], tokens: int, dtype: torch.dtype
) -> Float[Tensor, "rows tokens 1"]:
    """Return the share of each place that lies in the mask, (rows, tokens, 1).

    The mean over the pixels of a place, so that 1 stays exactly 1 and 0 stays exactly 0.
    """
    shares = adaptive_avg_pool2d(mask.float()[:, None], grid_of(mask.shape[-2], mask.shape[-1], tokens))
    return shares.flatten(1)[..., None].to(dtype)

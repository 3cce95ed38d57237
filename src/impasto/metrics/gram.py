"""Style similarity by Gram matrices: which features occur together, whatever their place.

Paper: A Neural Algorithm of Artistic Style, arXiv:1508.06576, Eq. 3 (there as a loss; here the cosine of two centred
Gram matrices).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def gram(features: Float[Tensor, "pictures places channels"]) -> Float[Tensor, "pictures channels channels"]:
    """Return the Gram matrix of each picture's features over places, divided by the number of places."""
    return features.transpose(1, 2) @ features / features.shape[1]


def gram_similarity(
    x: Float[Tensor, "pictures places channels"],
    y: Float[Tensor, "pictures places channels"],
    centre: Float[Tensor, "channels channels"],
) -> Float[Tensor, " pictures"]:
    """Return the cosine of the Gram matrices of x and y, row by row, after taking `centre` from both.

    Args:
        x: Features at every place of some pictures.
        y: Of as many others.
        centre: The mean Gram matrix of many pictures: what all pictures share says nothing about style.
    """
    first, second = ((gram(each) - centre).flatten(1) for each in (x, y))
    return torch.nn.functional.cosine_similarity(first, second, dim=1)

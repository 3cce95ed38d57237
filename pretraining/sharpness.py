"""The loss of a reconstruction: colours, squared colours and the strength of edges."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SQUARED, EDGES = 0.5, 2.0
"""Weights of the squared error, which PSNR measures, and of the error of edges."""


def edges(pictures: Tensor) -> Tensor:
    """Return Sobel's horizontal and vertical derivative of each channel, a quarter of the usual size.

    Args:
        pictures: Shape (batch, channels, height, width); replicated beyond their borders, so that a plain picture has
            no edges.

    Returns:
        Shape (batch, 2 channels, height, width).
    """
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=pictures.device) / 4
    channels = pictures.shape[1]
    kernels = torch.stack([across, across.T])[:, None].repeat(channels, 1, 1, 1)
    return functional.conv2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), kernels, groups=channels)


def reconstruction_loss(target: Tensor, drawn: Tensor, *, squared: float = SQUARED, edge: float = EDGES) -> Tensor:
    """Return mean |d| + squared · mean d² + edge · mean |edges(d)| of d = drawn - target."""
    difference = drawn - target
    return difference.abs().mean() + squared * difference.square().mean() + edge * edges(difference).abs().mean()

"""Palettes and lines that the seven hands do not have, so that the autoencoder draws hands it never saw as sharply."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EDGE = 0.3
"""Difference of neighbouring colours, of 2 at most, that counts as a border."""


def other_colours(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Return pictures in [-1, 1] with their three colours exchanged at random, the same way for the whole batch."""
    return pictures[:, torch.randperm(3, generator=rng).to(pictures.device)]


def outlined(pictures: Tensor, width: int) -> Tensor:
    """Return pictures in [-1, 1] with black lines of about `width` pixels, odd, along the borders of their areas."""
    brightest = functional.max_pool2d(pictures, 3, stride=1, padding=1)
    darkest = -functional.max_pool2d(-pictures, 3, stride=1, padding=1)
    border = ((brightest - darkest).amax(dim=1, keepdim=True) > EDGE).float()
    line = functional.max_pool2d(border, width, stride=1, padding=width // 2)
    ink = functional.avg_pool2d(line, 3, stride=1, padding=1, count_include_pad=False)
    return pictures * (1 - ink) - ink


def augmented(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Return a batch in [-1, 1] of which half the time the colours are exchanged and a third is outlined."""
    if torch.rand((), generator=rng) < 0.5:
        pictures = other_colours(pictures, rng)
    count = len(pictures) // 3
    width = 1 + 2 * int(torch.randint(2, (), generator=rng))
    return torch.cat([outlined(pictures[:count], width), pictures[count:]])

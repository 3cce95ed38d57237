"""What the judge's pictures go through in training, so that soft drawings do not confuse it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def to_unit(pictures: Tensor) -> Tensor:
    """Return pictures (count, 3, 128, 128), uint8 or in [-1, 1], as float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1 if pictures.dtype == torch.uint8 else pictures.float()


def _soft(pictures: Tensor) -> Tensor:
    """Return the pictures at half their side and back again: nearly as soft as a blur, at a quarter of its time."""
    return F.interpolate(F.avg_pool2d(pictures, 2), scale_factor=2, mode="bilinear", align_corners=False)


def disturbed(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Return pictures in [-1, 1] resized, moved, softened, tinted and made noisy at random, each in its own way.

    Never mirrored: letters, hands and profiles have a side. Little tinted: colours of outlines and palettes are judged.
    """
    count, device = len(pictures), pictures.device

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand((count, *shape), generator=rng)).to(device)

    zoom = draw(0.9, 1.1, 1, 1) * torch.eye(2, device=device)
    grid = F.affine_grid(torch.cat([zoom, draw(-0.1, 0.1, 2, 1)], dim=2), list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    moved = torch.lerp(moved, _soft(moved), draw(-0.5, 1.0, 1, 1, 1).clamp(min=0))  # a third stays as sharp as it is
    tinted = moved * draw(0.95, 1.05, 3, 1, 1) + draw(-0.04, 0.04, 3, 1, 1)
    noise = torch.randn(pictures.shape, generator=rng).to(device)
    return tinted + draw(0, 0.08, 1, 1, 1) * noise

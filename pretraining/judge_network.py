"""The network of the judge, and what its pictures go through in training so that soft drawings do not confuse it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


class Block(nn.Module):
    """Two convolutions and a way past them (arXiv 1512.03385)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        is_same = before == after and stride == 1
        past = (nn.AvgPool2d(stride, stride), nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))
        self.past = nn.Identity() if is_same else nn.Sequential(*past)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the next level."""
        return F.relu(self.inner(x) + self.past(x))


class JudgeNetwork(nn.Module):
    """A small residual network with one linear head for each attribute.

    Args:
        classes: How many classes each attribute has.
        width: Channels of the first level; each of the three that follow has twice as many as the one before.
    """

    def __init__(self, classes: Mapping[str, int], width: int = 32) -> None:
        super().__init__()
        widths = [width, width, 2 * width, 2 * width, 4 * width, 4 * width, 8 * width, 8 * width]
        self.stem = nn.Sequential(  # 2x2 pixels become channels: a thin outline is one pixel wide
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, width // 2, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // 2, width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        steps = [Block(before, after, 1 if before == after else 2) for before, after in pairwise(widths)]
        self.blocks = nn.Sequential(*steps)
        self.heads = nn.ModuleDict({name: nn.Linear(widths[-1], count) for name, count in classes.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return logits (batch, classes) of each attribute of pictures (batch, 3, 128, 128) in [-1, 1]."""
        features = self.blocks(self.stem(x)).mean(dim=(2, 3))
        return {name: head(features) for name, head in self.heads.items()}

"""The network of the judge, and what its pictures go through in training so that soft drawings do not confuse it."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 64
"""Side of the pictures that the judge sees: half of pocket's."""


def shrunk(pictures: Tensor) -> Tensor:
    """Return pictures (count, 3, 128, 128), uint8 or in [-1, 1], in [-1, 1] and at the judge's side."""
    unit = pictures.float() / 127.5 - 1 if pictures.dtype == torch.uint8 else pictures.float()
    return F.adaptive_avg_pool2d(unit, SIDE)


def _soft(pictures: Tensor) -> Tensor:
    """Return the pictures blurred by a box of three pixels, twice."""
    for _ in range(2):
        pictures = F.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    return pictures


def disturbed(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Return pictures in [-1, 1] resized, moved, softened, tinted and made noisy at random, each in its own way.

    Never mirrored: letters, hands and profiles have a side.
    """
    count, device = len(pictures), pictures.device

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand((count, *shape), generator=rng)).to(device)

    zoom = draw(0.88, 1.12, 1, 1) * torch.eye(2, device=device)
    grid = F.affine_grid(torch.cat([zoom, draw(-0.1, 0.1, 2, 1)], dim=2), list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    moved = torch.lerp(moved, _soft(moved), draw(-0.5, 1.0, 1, 1, 1).clamp(min=0))  # a third stays as sharp as it is
    tinted = moved * draw(0.85, 1.15, 3, 1, 1) + draw(-0.1, 0.1, 3, 1, 1)
    noise = torch.randn(pictures.shape, generator=rng).to(device)
    return tinted + draw(0, 0.1, 1, 1, 1) * noise


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
    """A small residual network with a head for subjects and a head for styles."""

    def __init__(self, subjects: int, styles: int, width: int = 32) -> None:
        super().__init__()
        widths = [width, width, 2 * width, 2 * width, 4 * width, 4 * width, 8 * width, 8 * width]
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        steps = [Block(before, after, 1 if before == after else 2) for before, after in pairwise(widths)]
        self.blocks = nn.Sequential(*steps)
        self.subject = nn.Linear(widths[-1], subjects)
        self.style = nn.Linear(widths[-1], styles)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of subject and style of pictures (batch, 3, SIDE, SIDE) in [-1, 1]."""
        features = self.blocks(self.stem(x)).mean(dim=(2, 3))
        return self.subject(features), self.style(features)

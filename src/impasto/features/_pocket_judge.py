"""Pocket's judge: a small classifier of what a drawing shows, for captions and verdicts; see `pretraining.judge`.

It was trained on renders in many styles, and names subjects in a style that is new to it far oftener than pocket's
image encoder, which was trained to compare pictures with words in the styles that pocket knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn

from impasto.data.images import fit_square, to_tensor

FILE = Path(str(files("impasto"))) / "pocket" / "judge.safetensors"
SUBJECT = "subject"
_SIDE = 128
_CLOSER = 1.15
"""A view so much closer is looked at too: many draw their subject smaller than pocket's artists."""


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


def read_classes(file: Path = FILE) -> dict[str, tuple[str, ...]]:
    """Return the classes of each attribute that a published judge tells apart, from its header."""
    with safe_open(file, framework="pt") as opened:
        stated = json.loads(opened.metadata()["classes"])
    return {name: tuple(values) for name, values in stated.items()}


def load_network(file: Path, classes: Mapping[str, Sequence[str]]) -> JudgeNetwork:
    """Return the network of a published judge, in float32."""
    network = JudgeNetwork({name: len(values) for name, values in classes.items()})
    with safe_open(file, framework="pt") as opened:
        network.load_state_dict(
            {name: opened.get_tensor(name).to(value.dtype) for name, value in network.state_dict().items()}
        )
    return network.eval()


class PocketJudge:
    """Tells which subject drawings show, as words: "red apple"."""

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """What it tells apart."""
        return tuple(slug.replace("-", " ") for slug in read_classes()[SUBJECT])

    @cached_property
    def _network(self) -> JudgeNetwork:
        return load_network(FILE, read_classes())

    @torch.no_grad()
    def shares(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures subjects"]:
        """Return how sure the judge is of each subject, from 0 to 1: the mean over three views of a picture.

        As it is, closer, and with colours inverted, so that light lines on dark paper are dark lines on light paper.
        """
        seen = torch.stack([to_tensor(fit_square(picture.convert("RGB"), _SIDE)[0]) for picture in pictures])
        views = (seen, _closer(seen), -seen)
        return torch.stack([self._network(view)[SUBJECT].softmax(-1) for view in views]).mean(dim=0)


def _closer(pictures: Float[Tensor, "count 3 side side"]) -> Float[Tensor, "count 3 side side"]:
    shown = (torch.eye(2, 3) / _CLOSER).expand(len(pictures), -1, -1)
    grid = F.affine_grid(shown, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)

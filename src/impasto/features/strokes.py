"""Statistics of strokes and colours: which colours, edges and lines occur together, at four scales. No network.

Gram matrices of a bank of fixed filters. That few filters on several scales suffice to describe a texture was shown
for random ones (What does it take to generate natural textures?, Ustyuzhaninov et al., ICLR 2017); here they are the
derivatives that edges and lines answer to, on one channel of lightness and two of colour. Nothing was learnt, so the
features mean the same for every base, and no training can be made to please them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, normalize, pad

from impasto.core.errors import ConfigError
from impasto.data.images import to_tensor
from impasto.features._pixels import resized_squares
from impasto.metrics.gram import gram

_SIDE, _SCALES = 128, 4
_SMALLEST, _LARGEST = 32, 1024
_CHUNK = 16
_OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (0.5, -0.5, 0.0), (0.25, 0.25, -0.5))
"""Lightness, red against green, yellow against blue."""
_ACROSS = ((0.0, 0.0, 0.0), (-0.5, 0.0, 0.5), (0.0, 0.0, 0.0))
_FALLING = ((-0.5, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.5))
_LINE = ((0.0, 0.0, 0.0), (-0.5, 1.0, -0.5), (0.0, 0.0, 0.0))


class StrokesFeatures:
    """Extracts statistics of strokes and colours.

    Args:
        side: Pictures are compared at so many pixels.

    Attributes:
        has_unit_length: All features are scaled to length 1.
    """

    has_unit_length = True

    def __init__(self, side: int = _SIDE) -> None:
        self._side = side

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> StrokesFeatures:
        """Return the extractor; `checkpoint` is the side in pixels, 128 unless given."""
        if device.type != "cpu":
            raise ConfigError(f"features strokes run on the CPU, not on {device}: leave --device out")
        side = int(checkpoint) if checkpoint.isdecimal() and len(checkpoint) < 5 else (0 if checkpoint else _SIDE)
        if not _SMALLEST <= side <= _LARGEST:
            raise ConfigError(
                f"features strokes:{checkpoint}: write strokes, or strokes:SIDE with {_SMALLEST} to {_LARGEST} pixels"
            )
        return cls(side)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture."""
        edges = [*range(0, len(pictures), _CHUNK), len(pictures)]
        return torch.cat([self._extract(pictures[first:end]) for first, end in pairwise(edges)])

    def _extract(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures dim"]:
        pixels = torch.stack([to_tensor(square) for square in resized_squares(pictures, self._side)])
        colours = torch.einsum("oc,pchw->pohw", torch.tensor(_OPPONENT), pixels)
        scales = []
        for _ in range(_SCALES):
            scales.append(_statistics(colours))
            colours = avg_pool2d(colours, 2)
        return normalize(torch.cat(scales, dim=1), dim=1)


def _statistics(colours: Float[Tensor, "pictures 3 h w"]) -> Float[Tensor, "pictures pairs"]:
    """Return the signed square roots of what the Gram matrix holds on and above its diagonal, at unit length."""
    found = gram(_answers(colours).flatten(2).transpose(1, 2))
    rows, columns = torch.triu_indices(found.shape[1], found.shape[1])
    values = found[:, rows, columns]
    return normalize(values.sign() * values.abs().sqrt(), dim=1)


def _answers(colours: Float[Tensor, "pictures 3 h w"]) -> Float[Tensor, "pictures filters h w"]:
    """Return a constant, the colours, and how strongly edges and lines of each direction are seen at each place."""
    kernels = torch.tensor([_ACROSS, _FALLING, _LINE])
    kernels = torch.cat([kernels, kernels.rot90(1, (1, 2))])[:, None]
    count, channels, height, width = colours.shape
    padded = pad(colours.reshape(count * channels, 1, height, width), (1, 1, 1, 1), mode="replicate")
    seen = conv2d(padded, kernels).abs().reshape(count, channels * len(kernels), height, width)
    return torch.cat([torch.ones(count, 1, height, width), colours, seen], dim=1)

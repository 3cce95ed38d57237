"""The one way from pictures to what an encoder sees: middle square, antialiased Lanczos of Pillow, mean and deviation.

Resizing is part of a metric: without antialiasing alone, two copies of one set are 6 FID apart (arXiv:2104.11222).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from impasto.data.images import fit_square, to_tensor

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's training pictures, RGB in [0, 1]; all published checkpoints are made for these."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resized_squares(pictures: Sequence[Image.Image], side: int) -> list[Image.Image]:
    """Return the middle squares of the pictures as RGB, `side` pixels wide."""
    return [fit_square(picture.convert("RGB"), side)[0] for picture in pictures]


def standardised(
    pictures: Sequence[Image.Image], side: int, mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "pictures 3 side side"]:
    """Return pixels less `mean` over `std`, both of RGB in [0, 1]."""
    pixels = torch.stack([to_tensor(square) for square in resized_squares(pictures, side)])
    return (pixels / 2 + 0.5 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def as_bytes(pictures: Sequence[Image.Image], side: int) -> UInt8[Tensor, "pictures 3 side side"]:
    """Return pixels from 0 to 255."""
    pixels = torch.stack([to_tensor(square) for square in resized_squares(pictures, side)])
    return ((pixels + 1) * 127.5).round().to(torch.uint8)

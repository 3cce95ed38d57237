"""Read region masks: where a style or a reference applies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.errors import DataError
from impasto.data.images import read_picture


def read_mask(path: Path, height: int, width: int) -> Float[Tensor, "height width"]:
    """Return a mask: 1 where the picture is white, 0 where it is black.

    Args:
        path: A picture; its grey values count, transparent parts are white.
        height: Height of the picture to draw, in pixels.
        width: Width of the picture to draw, in pixels.

    Raises:
        DataError: It is no picture, has another size, or is black all over.
    """
    grey = read_picture(path).image.convert("L")
    if grey.size != (width, height):
        raise DataError(
            f"mask {path} has {grey.width}x{grey.height} pixels, the picture to draw has {width}x{height}: make it the "
            "same size"
        )
    mask = torch.from_numpy(np.array(grey, dtype=np.float32)) / 255
    if not mask.any():
        raise DataError(f"mask {path} is black all over, so nothing would apply: paint the region white")
    return mask

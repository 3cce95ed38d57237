"""Make squares of a reference picture: image encoders see squares, and what would be cut off or stretched is lost."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from PIL import Image

from impasto.core.errors import ConfigError

Fit: TypeAlias = Literal["pad", "tile"]
"""What happens to a picture that is no square: padded by its own mirror image, or covered by overlapping squares."""

MAX_TILES = 8
_LONGEST = 2048
"""Pixels that the long side of a picture to be padded keeps: far more than any encoder sees."""


def reference_squares(image: Image.Image, fit: Fit) -> list[Image.Image]:
    """Return squares that show all of the picture, unstretched; a square is left as it is.

    Args:
        image: RGB.
        fit: With "pad" one square, mirrored outwards on both sides of the short side: plain bars would be taken for
            part of the style. With "tile" as few equally spaced squares as cover the long side.

    Raises:
        ConfigError: The picture is too long to be tiled.
    """
    width, height = image.size
    if width == height:
        return [image]
    if fit == "pad":
        return [_padded(image)]
    return _tiles(image)


def fit_note(image: Image.Image, fit: Fit) -> str:
    """Return what `reference_squares` does to the picture, or "" for a square."""
    width, height = image.size
    if width == height:
        return ""
    if fit == "pad":
        return f"{width}x{height}, padded to a square by its mirror image"
    return f"{width}x{height}, seen as {_num_tiles(image)} overlapping squares, tokens averaged"


def _padded(image: Image.Image) -> Image.Image:
    width, height = image.size
    if max(width, height) > _LONGEST:
        factor = _LONGEST / max(width, height)
        width, height = max(1, round(width * factor)), max(1, round(height * factor))
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    side = max(width, height)
    above, before = (side - height) // 2, (side - width) // 2
    around = ((above, side - height - above), (before, side - width - before), (0, 0))
    return Image.fromarray(np.pad(np.asarray(image), around, mode="symmetric"))


def _num_tiles(image: Image.Image) -> int:
    return -(-max(image.size) // min(image.size))


def _tiles(image: Image.Image) -> list[Image.Image]:
    count, side = _num_tiles(image), min(image.size)
    if count > MAX_TILES:
        width, height = image.size
        raise ConfigError(
            f"reference of {width}x{height} would need {count} tiles, at most {MAX_TILES} are made: cut it, or pad it"
        )
    spare = max(image.size) - side
    starts = [round(index * spare / (count - 1)) for index in range(count)]
    is_wide = image.width > image.height
    corners = [(start, 0) if is_wide else (0, start) for start in starts]
    return [image.crop((left, top, left + side, top + side)) for left, top in corners]

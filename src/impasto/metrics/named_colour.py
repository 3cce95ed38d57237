"""Named-colour obedience: is the background of a picture the colour that the words name?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colours = Mapping[str, tuple[int, int, int]]

BACKGROUND_COLOURS: Colours = {
    "white": (255, 255, 255),
    "black": (24, 24, 27),
    "gray": (150, 152, 158),
    "red": (214, 48, 49),
    "orange": (243, 156, 18),
    "yellow": (249, 219, 86),
    "green": (46, 160, 87),
    "teal": (22, 160, 150),
    "blue": (45, 110, 220),
    "sky blue": (135, 200, 240),
    "purple": (125, 70, 180),
    "pink": (255, 165, 190),
    "brown": (121, 85, 61),
    "beige": (240, 225, 195),
}
"""Plain backgrounds that pocket knows by name, RGB."""

_BORDER = 4
"""Pixels of the border that are looked at, above and at both sides."""


_PLAIN_SHARE, _PLAIN_DISTANCE = 0.7, 32.0
"""A background is plain if so large a share of the border differs from its median by so little in every channel."""


def _border(picture: Image.Image) -> NDArray[np.float64]:
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float64)
    sides = (pixels[:_BORDER], pixels[:, :_BORDER], pixels[:, -_BORDER:])
    return np.concatenate([each.reshape(-1, 3) for each in sides])


def border_colour(picture: Image.Image) -> NDArray[np.float64]:
    """Return the median colour of the border, RGB: that of the background, wherever the subject stands."""
    median: NDArray[np.float64] = np.median(_border(picture), axis=0)
    return median


def has_plain_background(picture: Image.Image) -> bool:
    """Return whether most of the border has one colour."""
    away = np.abs(_border(picture) - border_colour(picture)).max(axis=1)
    return bool((away <= _PLAIN_DISTANCE).mean() >= _PLAIN_SHARE)


def background_of(picture: Image.Image, colours: Colours = BACKGROUND_COLOURS) -> str:
    """Return the name whose colour is nearest to that of the border."""
    middle = border_colour(picture)
    return min(colours, key=lambda name: float(((np.array(colours[name]) - middle) ** 2).sum()))


def named_colour_obeyed(
    pictures: Sequence[Image.Image], named: Sequence[str], colours: Colours = BACKGROUND_COLOURS
) -> NDArray[np.bool_]:
    """Return for each picture whether its background is the one that was named.

    Args:
        pictures: What was drawn.
        named: What each was asked for; a key of `colours`.
        colours: What a background may be taken for.

    Raises:
        ValueError: A name is not among the colours.
    """
    unknown = sorted(set(named) - set(colours))
    if unknown:
        raise ValueError(f"colour {unknown[0]!r} is unknown: known are {', '.join(colours)}")
    return np.array([background_of(picture, colours) == name for picture, name in zip(pictures, named, strict=True)])

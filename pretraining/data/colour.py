"""Colours as (red, green, blue) from 0 to 1, and as SVG writes them."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

RGB = tuple[float, float, float]
Recolour = Callable[[RGB], RGB]


def from_hex(code: str) -> RGB:
    """Return the colour of six hexadecimal digits."""
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return red, green, blue


def to_hex(colour: RGB) -> str:
    """Return the colour as SVG writes it, "#rrggbb"; values outside [0, 1] are clipped."""
    return "#" + "".join(f"{round(min(max(value, 0), 1) * 255):02x}" for value in colour)


def luminance(colour: RGB) -> float:
    """Return how light the colour is, from 0 to 1."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Return `first` with this share of `second`."""
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def from_hsv(hue: float, saturation: float, value: float) -> RGB:
    """Return the colour of a hue, which wraps at 1, a saturation and a value, which are clipped at 1."""
    return colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1))


def distance(first: RGB, second: RGB) -> float:
    """Return the largest difference of a channel."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True))

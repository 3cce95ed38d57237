"""A drawing as SVG text that styles change: recoloured, wrapped into groups, framed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pretraining.data.colour import RGB, Recolour, from_hex, to_hex
from pretraining.data.fetch import read_icons
from pretraining.data.sets import find_set

SIDE = 128
"""Longer side of every drawing, in units; as pixels are."""

HEX = re.compile(r"#([0-9a-fA-F]{6})\b")
_GLOW = re.compile(r'values="' + r"0 0 0 0 ([0-9.]+) " * 3 + r'0 0 0 ([0-9.]+) 0"')
"""The colour matrix of a filter that paints shades inside a shape in one colour."""

_SHORT = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])(?![0-9a-zA-Z_-])")
_NAMED = {"white": "#ffffff", "silver": "#c0c0c0", "gray": "#808080", "black": "#000000", "currentColor": "#222222"}
_NAME = re.compile(rf'((?:fill|stroke|stop-color)=")({"|".join(_NAMED)})(?=")')


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing in units of which its longer side has `SIDE`: the renderer takes lengths in filters for pixels.

    Attributes:
        body: SVG elements; every colour is written with six hexadecimal digits.
        scale: How many units one unit of the artist's has: stroke widths are told in the artist's.
        width: Width of its box, which begins at zero.
        height: Height of its box, which begins at zero.
        pad: Room that outlines and borders need round the box.
    """

    body: str
    scale: float
    width: float
    height: float
    pad: float = 0.0

    def colours(self) -> list[RGB]:
        """Return the colours that occur, each once."""
        return [from_hex(code) for code in dict.fromkeys(HEX.findall(self.body))]

    def recoloured(self, change: Recolour) -> Drawing:
        """Return the drawing with every colour changed."""
        table = {code: to_hex(change(from_hex(code))) for code in set(HEX.findall(self.body))}
        body = HEX.sub(lambda found: table[found[1]], self.body)
        return replace(self, body=_GLOW.sub(lambda found: _recoloured_glow(found, change), body))

    def wrapped(self, attributes: str, definitions: str = "", pad: float = 0.0) -> Drawing:
        """Return the drawing in a group with these attributes, with this much more room round it."""
        defined = f"<defs>{definitions}</defs>" if definitions else ""
        return replace(self, body=f"{defined}<g {attributes}>{self.body}</g>", pad=self.pad + pad)

    def document(self, size: int, zoom: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> str:
        """Return an SVG document of `size` x `size` pixels.

        Args:
            size: Side in pixels.
            zoom: Side of the view as a multiple of the drawing's, room for outlines not counted.
            shift: How far the drawing is moved (across, down), as a share of its side.
        """
        side = SIDE * zoom + 2 * self.pad
        left, top = (self.width - side) / 2 - shift[0] * SIDE, (self.height - side) / 2 - shift[1] * SIDE
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left:.3f} {top:.3f} {side:.3f} {side:.3f}" width="{size}" height="{size}">{self.body}</svg>'
        )


def normalised(body: str) -> str:
    """Return SVG elements with colours as six digits, black said where a shape names no colour."""
    digits = _SHORT.sub(r"#\1\1\2\2\3\3", _NAME.sub(lambda found: found[1] + _NAMED[found[2]], body))
    return f'<g fill="#000000">{digits}</g>'


def drawing_of(icons: dict[str, Any], slug: str) -> Drawing | None:
    """Return the drawing of `slug` in an Iconify set, or None when the set lacks it."""
    alias = icons.get("aliases", {}).get(slug)
    icon = icons["icons"].get(alias["parent"] if alias else slug)
    if icon is None:
        return None
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    left, top = (icon.get(side, icons.get(side, 0)) for side in ("left", "top"))
    scale = SIDE / max(width, height)
    body = f'<g transform="scale({scale:.6f}) translate({-left} {-top})">{normalised(icon["body"])}</g>'
    return Drawing(body, scale, width * scale, height * scale)


def _recoloured_glow(found: re.Match[str], change: Recolour) -> str:
    red, green, blue, strength = (float(value) for value in found.groups())
    if strength > 1:  # the matrix that makes a mask, not a colour
        return found[0]
    return (
        'values="' + "".join(f"0 0 0 0 {value:.4f} " for value in change((red, green, blue))) + f'0 0 0 {strength} 0"'
    )


@cache
def _icons(name: str) -> dict[str, Any]:
    return read_icons(find_set(name))


@cache
def drawing_by(name: str, slug: str) -> Drawing | None:
    """Return the drawing of `slug` in the set called `name`, or None when the set lacks it."""
    return drawing_of(_icons(name), slug)

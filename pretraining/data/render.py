"""Drawings to pixels with resvg: as the artist drew them, or in a style."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import resvg_py
from PIL import Image

from pretraining.data.drawing import Drawing
from pretraining.data.picture import SIZE, Picture
from pretraining.data.styles import Style

ZOOM = (1.0, 1.12)
"""Side of the view as a multiple of the drawing's, from and up to."""

SHIFT = 0.012
"""How far a drawing is from the middle at most, as a share of its side."""

TRIES = 6
"""Views that are drawn at most: the renderer panics in filters of some drawings at some sizes."""

FILTERED = ("wobble", "texture", "border", "shadow")
"""Kinds that are given up, words and all, where no view could be rendered."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A drawing in a style: RGBA uint8 (SIZE, SIZE, 4), and the style that is really in it."""

    picture: Picture
    style: Style


def svg_of(icons: dict[str, Any], slug: str) -> str | None:
    """Return the drawing of `slug` in its own box as an SVG document, or None when the set lacks it."""
    alias = icons.get("aliases", {}).get(slug)
    icon = icons["icons"].get(alias["parent"] if alias else slug)
    if icon is None:
        return None
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    left, top = icon.get("left", icons.get("left", 0)), icon.get("top", icons.get("top", 0))
    body = icon["body"].replace("currentColor", "#222222")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{SIZE}" height="{SIZE}">{body}</svg>'
    )


def render_svg(svg: str, size: int = SIZE) -> Picture:
    """Return the document as RGBA, shape (size, size, 4)."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").resize((size, size), Image.Resampling.LANCZOS))


def rasterise(document: str, size: int) -> Picture | None:
    """Return the document of `size` pixels as RGBA, reduced to `SIZE`; None where the renderer panics."""
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=document, width=size, height=size, skip_system_fonts=True))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which is no Exception, and cannot be imported
            raise
        return None
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").reduce(size // SIZE))


def render(drawing: Drawing, style: Style, rng: np.random.Generator) -> Rendered:
    """Return the drawing in a style, its size and place drawn at random within narrow limits.

    Args:
        drawing: What the artist drew.
        style: What is wanted; kinds of which nothing would be seen are left out.
        rng: Where size, place and what words leave open come from.

    Raises:
        ValueError: The drawing cannot be rendered in any size, not even as the artist drew it.
    """
    style = style.fitted(drawing)
    while True:
        size = SIZE * (2 if is_jagged(drawing, style) else 1)
        for _ in range(TRIES):
            zoom = float(rng.uniform(*ZOOM))
            reach = min(SHIFT, (zoom - 1) / 2)  # nothing is cut off
            across, down = (float(value) for value in rng.uniform(-reach, reach, 2))
            document = style.apply(drawing, rng).document(size, zoom, (across, down))
            if (picture := rasterise(document, size)) is not None:
                return Rendered(picture, style)
        given_up = [kind for kind in FILTERED if kind in style.kinds]
        if not given_up:
            raise ValueError(f"a drawing of {drawing.width} x {drawing.height} cannot be rendered in any size")
        style = style.without(given_up[0])


def is_jagged(drawing: Drawing, style: Style) -> bool:
    """Return whether edges come out jagged, so that the drawing is rendered twice as large.

    That is where pixels are moved one by one, and where outlines are stroked inside an artist's own filters.
    """
    is_moved = "wobble" in style.values or style.values.get("texture") == "crayon"
    return is_moved or ("outline_colour" in style.values and "<filter" in drawing.body)

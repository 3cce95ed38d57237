"""Iconify drawings to RGBA pictures with resvg, cached per set in one `.npz`."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from pretraining.data.drawing import Drawing
from pretraining.data.fetch import read_icons
from pretraining.data.sets import EmojiSet
from pretraining.data.styles import Style

RENDERS = Path("pretraining/renders")
SIZE = 128

Picture = NDArray[np.uint8]


def svg_of(icons: dict[str, Any], slug: str) -> str | None:
    """Return the drawing of `slug` as an SVG document, or None when the set lacks it."""
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
    """Return the drawing as RGBA, shape (size, size, 4)."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").resize((size, size), Image.Resampling.LANCZOS))


def render_set(emoji_set: EmojiSet, slugs: tuple[str, ...]) -> dict[str, Picture]:
    """Return the drawings of `slugs` that the set has, from the cache if it was made for these slugs or for more."""
    cache = RENDERS / f"{emoji_set.name}-{emoji_set.version}.npz"
    if cache.exists():
        with np.load(cache, allow_pickle=False) as stored:
            if set(slugs) <= set(stored["asked"].tolist()):
                return {slug: stored[slug] for slug in slugs if slug in stored.files}
    icons = read_icons(emoji_set)
    svgs = {slug: svg for slug in slugs if (svg := svg_of(icons, slug)) is not None}
    with ProcessPoolExecutor() as pool:
        pictures = dict(zip(svgs, pool.map(render_svg, svgs.values(), chunksize=16), strict=True))
    cache.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"asked": np.array(slugs), **pictures}
    np.savez_compressed(cache, **arrays)
    return pictures


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


def rasterise(document: str) -> Picture | None:
    """Return the document as RGBA, or None where the renderer panics."""
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=document, width=SIZE, height=SIZE, skip_system_fonts=True))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which is no Exception, and cannot be imported
            raise
        return None
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


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
        for _ in range(TRIES):
            zoom, across, down = float(rng.uniform(*ZOOM)), *(float(value) for value in rng.uniform(-SHIFT, SHIFT, 2))
            made = style.apply(drawing, rng)
            if (picture := rasterise(made.document(SIZE, zoom, (across, down)))) is not None:
                return Rendered(picture, style)
        given_up = [kind for kind in FILTERED if kind in style.kinds]
        if not given_up:
            raise ValueError(f"a drawing of {drawing.width} x {drawing.height} cannot be rendered in any size")
        style = style.without(given_up[0])

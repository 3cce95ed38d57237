"""Iconify drawings to RGBA pictures with resvg, cached per set in one `.npz`."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from pretraining.data.fetch import read_icons
from pretraining.data.sets import EmojiSet

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

"""A drawing on a background of one colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.metrics import named_colour
from pretraining.data.picture import SIZE, Picture

COLOURS = named_colour.BACKGROUND_COLOURS
"""Backgrounds by name, RGB."""

WHITE = 0.22
"""Share of white backgrounds among drawings that stand out on white."""

APART = 55
"""Mean difference of a channel, of 255, between a background and the drawing's edge from which on the edge is seen."""


def edge_colour(drawing: Picture) -> NDArray[np.float64]:
    """Return the mean RGB of the opaque pixels beside others; middle grey where there are none."""
    opaque = drawing[..., 3] > 229
    inner = opaque[1:-1, 1:-1]
    surrounded = opaque[:-2, 1:-1] & opaque[2:, 1:-1] & opaque[1:-1, :-2] & opaque[1:-1, 2:]
    edge = drawing[1:-1, 1:-1, :3][inner & ~surrounded]
    return edge.mean(axis=0, dtype=np.float64) if len(edge) else np.full(3, 128.0)


def draw_background(drawing: Picture, rng: np.random.Generator, without: tuple[str, ...] = ()) -> str:
    """Return the name of a colour that the drawing's edge stands out on, white more often than others.

    Args:
        drawing: RGBA.
        rng: Where the numbers come from.
        without: Colours that are not to be taken.
    """
    edge = edge_colour(drawing)
    apart = {name: np.abs(np.array(colour) - edge).mean() for name, colour in COLOURS.items() if name not in without}
    names = [name for name, distance in apart.items() if distance > APART]
    if not names:
        return max(apart, key=lambda name: apart[name])
    return "white" if "white" in names and rng.random() < WHITE else names[int(rng.integers(len(names)))]


def on_colour(drawing: Picture, colour: tuple[int, int, int]) -> Picture:
    """Return an RGBA drawing on a background of one colour, as RGB of the same size."""
    share = drawing[..., 3:].astype(np.float32) / 255
    laid = drawing[..., :3] * share + np.array(colour, np.float32) * (1 - share)
    return np.rint(laid).astype(np.uint8)


def centred(drawing: Picture, colour: tuple[int, int, int], side: int) -> Picture:
    """Return the RGBA drawing, resized to `side` pixels, in the middle of SIZE x SIZE pixels of one colour."""
    canvas = Image.new("RGB", (SIZE, SIZE), colour)
    small = Image.fromarray(drawing).resize((side, side), Image.Resampling.LANCZOS)
    corner = (SIZE - side) // 2
    canvas.paste(small, (corner, corner), small)
    return np.asarray(canvas)


def clashes(drawing: Picture, colour: tuple[int, int, int], *, nearness: float = 64) -> bool:
    """Return whether over a quarter of the RGBA drawing is nearer in RGB than `nearness` to the colour."""
    inked = drawing[drawing[..., 3] > 127][:, :3].astype(np.float64)
    distance = np.linalg.norm(inked - np.array(colour), axis=1)
    return bool(len(distance) and (distance < nearness).mean() > 0.25)

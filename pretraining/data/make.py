"""One picture of the data set: a subject by an artist, in a style, on a background of one colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pretraining.data.compose import COLOURS
from pretraining.data.drawing import Drawing, drawings_by
from pretraining.data.render import Picture, render
from pretraining.data.sets import TRAINED
from pretraining.data.styles import Style, sample_style
from pretraining.data.subjects import V0

WHITE = 0.22
"""Share of white backgrounds, where the drawing stands out on white."""

APART = 55
"""Mean difference of a channel, of 255, between a background and the drawing's edge from which on the edge is seen."""

DARK = ("black",)
"""Backgrounds on which no shadow is seen."""


@dataclass(frozen=True, slots=True)
class Made:
    """A composed picture.

    Attributes:
        subject: Slug.
        artist: Phrase, such as "classic noto".
        background: Name of a colour.
        style: What is really in the picture.
        picture: RGB uint8, shape (SIZE, SIZE, 3).
    """

    subject: str
    artist: str
    background: str
    style: Style
    picture: Picture


def find_drawing(subject: str, artist: str) -> Drawing:
    """Return the drawing of a subject by the artist of this phrase; raises `KeyError` when there is none."""
    names = {each.phrase: each.name for each in TRAINED}
    if artist not in names:
        raise KeyError(f"unknown artist {artist!r}; known: {', '.join(names)}")
    drawings = drawings_by(names[artist], V0 if subject in V0 else (subject,))
    if subject not in drawings:
        raise KeyError(f"{artist} never drew {subject!r}; subjects are slugs such as 'fox'")
    return drawings[subject]


def edge_colour(drawing: Picture) -> NDArray[np.float64]:
    """Return the mean RGB of the opaque pixels beside transparent ones; middle grey where there are none."""
    opaque = drawing[..., 3] > 229
    inner = opaque[1:-1, 1:-1]
    surrounded = opaque[:-2, 1:-1] & opaque[2:, 1:-1] & opaque[1:-1, :-2] & opaque[1:-1, 2:]
    edge = drawing[1:-1, 1:-1, :3][inner & ~surrounded]
    return edge.mean(axis=0, dtype=np.float64) if len(edge) else np.full(3, 128.0)


def draw_background(drawing: Picture, style: Style, rng: np.random.Generator) -> str:
    """Return the name of a colour that the drawing's edge stands out on, white more often than others."""
    edge = edge_colour(drawing)
    names = [name for name, colour in COLOURS.items() if np.abs(np.array(colour) - edge).mean() > APART]
    if "shadow" in style.values:
        names = [name for name in names if name not in DARK]
    if "white" in names and rng.random() < WHITE:
        return "white"
    return names[int(rng.integers(len(names)))] if names else "white"


def on_colour(drawing: Picture, colour: tuple[int, int, int]) -> Picture:
    """Return an RGBA drawing on a background of one colour, as RGB of the same size."""
    share = drawing[..., 3:].astype(np.float32) / 255
    laid = drawing[..., :3] * share + np.array(colour, np.float32) * (1 - share)
    return np.rint(laid).astype(np.uint8)


def make(subject: str, artist: str, style: Style | None, background: str | None, rng: np.random.Generator) -> Made:
    """Return one composed picture. Same arguments and same state of `rng`, same picture.

    Args:
        subject: Slug of what is drawn, such as "fox".
        artist: Phrase of one of the trained artists, such as "noto".
        style: What is wanted, None to draw it at random; what cannot be seen on this drawing is left out, so ask
            the returned picture for the style it has.
        background: Name of a colour in `COLOURS`; None for one that the drawing stands out on.
        rng: Where all numbers come from.

    Raises:
        KeyError: There is no such artist, drawing or colour.
    """
    wanted = sample_style(rng) if style is None else style
    rendered = render(find_drawing(subject, artist), wanted, rng)
    name = draw_background(rendered.picture, rendered.style, rng) if background is None else background
    if name not in COLOURS:
        raise KeyError(f"unknown background {name!r}; known: {', '.join(COLOURS)}")
    return Made(subject, artist, name, rendered.style, on_colour(rendered.picture, COLOURS[name]))

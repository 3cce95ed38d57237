"""One picture of the data set: a subject by an artist, in a style, on a background of one colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pretraining.data.captions import captions
from pretraining.data.compose import COLOURS, draw_background, on_colour
from pretraining.data.drawing import Drawing, drawing_by
from pretraining.data.picture import Picture
from pretraining.data.render import render
from pretraining.data.sets import TRAINED
from pretraining.data.styles import Style, sample_style

SHADELESS = ("black",)
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

    def row(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return what the picture shows, with three captions."""
        shown = {
            "subject": self.subject,
            "artist": self.artist,
            "background": self.background,
            "style": dict(self.style.values),
            "words": self.style.words,
        }
        said = captions(self.subject, self.artist, self.background, self.style.words, rng)
        return shown | {f"caption_{number}": caption for number, caption in enumerate(said)}


def find_drawing(subject: str, artist: str) -> Drawing:
    """Return the drawing of a subject by the trained artist of this phrase; raises `KeyError` when there is none."""
    names = {each.phrase: each.name for each in TRAINED}
    if artist not in names:
        raise KeyError(f"unknown artist {artist!r}; known: {', '.join(names)}")
    drawing = drawing_by(names[artist], subject)
    if drawing is None:
        raise KeyError(f"{artist} has no drawing of {subject!r}; subjects are slugs such as 'fox'")
    return drawing


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
    if background is not None and background not in COLOURS:
        raise KeyError(f"unknown background {background!r}; known: {', '.join(COLOURS)}")
    wanted = sample_style(rng) if style is None else style
    rendered = render(find_drawing(subject, artist), wanted, rng)
    without = SHADELESS if "shadow" in rendered.style.values else ()
    name = background or draw_background(rendered.picture, rng, without)
    picture = rendered.style.finish(on_colour(rendered.picture, COLOURS[name]), rng)
    return Made(subject, artist, name, rendered.style, picture)

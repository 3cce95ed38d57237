"""Compose a captioned picture: one subject, drawn by one hand, on a plain ground.

caption = "a {subject} on a {ground} background, {hand} style"; parts of it are sometimes left out, so that the model
draws from short prompts too and "style" alone has a meaning. Now and then the hand is called by a random rare string:
a word nobody knows then means "any hand", which is where the identifier of a new style has to start from.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.metrics import named_colour
from pretraining.data.render import SIZE, Picture
from pretraining.data.sets import EmojiSet
from pretraining.data.subjects import spoken, with_article

GROUNDS = named_colour.BACKGROUND_COLOURS
"""Plain grounds by name, RGB."""

DRAWING_SIDE = 116
"""Side of every drawing, always centred: fewer things to learn in the hours that two cores have. Not measured apart."""


@dataclass(frozen=True, slots=True)
class Composition:
    """What is in one picture; `picture` is RGB uint8 of shape (SIZE, SIZE, 3)."""

    subject: str
    hand: EmojiSet
    ground: str
    picture: Picture

    def caption(self, rng: np.random.Generator) -> str:
        """Return the caption, with parts left out now and then."""
        drawn = rng.random()
        style = f"{self.hand.phrase} style"
        if drawn < 0.04:
            return style
        where = "" if 0.04 <= drawn < 0.12 else f" on {with_article(self.ground)} background"
        if 0.12 <= drawn < 0.2:
            style = f"{''.join(rng.choice(list(ascii_lowercase), 3))} style"
        how = "" if 0.2 <= drawn < 0.28 else f", {style}"
        return f"{with_article(spoken(self.subject))}{where}{how}"


def on_ground(
    drawing: Picture, colour: tuple[int, int, int], *, side: int, offset: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the RGBA `drawing` resized to `side` pixels on a plain ground, moved by `offset` from the centre."""
    canvas = Image.new("RGB", (SIZE, SIZE), colour)
    small = Image.fromarray(drawing).resize((side, side), Image.Resampling.LANCZOS)
    corner = ((SIZE - side) // 2 + offset[0], (SIZE - side) // 2 + offset[1])
    canvas.paste(small, corner, small)
    return np.asarray(canvas)


def compose(subject: str, hand: EmojiSet, drawing: Picture, rng: np.random.Generator) -> Composition:
    """Draw a ground and return the composition, the drawing in its middle. Same `rng` state, same picture."""
    names = list(GROUNDS)
    ground = "white" if rng.random() < 0.2 else names[int(rng.integers(len(names)))]
    return Composition(subject, hand, ground, on_ground(drawing, GROUNDS[ground], side=DRAWING_SIDE, offset=(0, 0)))

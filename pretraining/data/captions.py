"""What a picture is called: "a fox on a green background, noto style, bold dark blue outlines, pastel colours".

Parts are left out now and then, so that the model draws from short prompts too. Now and then the style is a random
string: a word nobody knows then means any style, which is where the identifier of a new style starts from.
"""

from __future__ import annotations

from string import ascii_lowercase

import numpy as np

from pretraining.data.nouns import words_for
from pretraining.data.subjects import with_article

UNKNOWN = 0.3
"""Share of the third captions, a tenth of all, whose style is a random string."""

NO_BACKGROUND = 0.1
"""Share of the second and third captions without the background."""


def caption(subject: str, artist: str, background: str, words: str) -> str:
    """Return a caption; parts that are empty are left out.

    Args:
        subject: Slug.
        artist: Phrase.
        background: Name of a colour.
        words: Of the style, as `Style.words` says them.
    """
    where = f" on {with_article(background)} background" if background else ""
    how = [f"{artist} style" if artist else "", words]
    return ", ".join([words_for(subject) + where, *(part for part in how if part)])


def random_string(rng: np.random.Generator) -> str:
    """Return three to five letters."""
    return "".join(rng.choice(list(ascii_lowercase), int(rng.integers(3, 6))))


def captions(subject: str, artist: str, background: str, words: str, rng: np.random.Generator) -> tuple[str, str, str]:
    """Return three captions: one of everything, one short of artist or background, one that may be short of all."""
    full = caption(subject, artist, background, words)
    return full, _shorter(subject, artist, background, words, rng), _shortest(subject, artist, background, words, rng)


def _shorter(subject: str, artist: str, background: str, words: str, rng: np.random.Generator) -> str:
    where = "" if rng.random() < NO_BACKGROUND else background
    is_named = rng.random() < (0.5 if words else 0.7)  # a style has words or not; without both it is left open
    return caption(subject, artist if is_named else "", where, words)


def _shortest(subject: str, artist: str, background: str, words: str, rng: np.random.Generator) -> str:
    where, drawn = "" if rng.random() < NO_BACKGROUND else background, rng.random()
    if drawn < UNKNOWN:
        return caption(subject, random_string(rng), where, "")
    if drawn < 0.55:
        return caption(subject, "", where, "")
    return caption(subject, artist, "" if drawn < 0.7 else where, words)

"""Captions for the base pocket, in its own words: "a fox on a green background"."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from impasto.captioning.captioner import Caption
from impasto.captioning.pocket_vocabulary import spoken
from impasto.core.grammar import with_article
from impasto.features._pocket_judge import PocketJudge
from impasto.metrics.named_colour import background_of, has_plain_background


class PocketCaptioner:
    """Names the subject by pocket's judge and a plain background by its colour."""

    name = "pocket's judge"

    def __init__(self) -> None:
        self._judge = PocketJudge()

    def describe(self, pictures: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each picture; the sureness is that of the subject."""
        sureness, subjects = self._judge.shares(pictures).max(dim=1)
        named = [with_article(spoken(self._judge.subjects[place])) for place in subjects.tolist()]
        return [
            Caption(on_background(words, picture), share)
            for words, picture, share in zip(named, pictures, sureness.tolist(), strict=True)
        ]


def on_background(words: str, picture: Image.Image) -> str:
    """Return a caption with the colour of the picture's background, where it is plain and the caption names none."""
    if "background" in words or not has_plain_background(picture):
        return words
    return f"{words} on {with_article(background_of(picture))} background"

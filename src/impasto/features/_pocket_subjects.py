"""Words for pocket's subjects as its towers know them, for telling zero-shot what a picture shows.

The towers learnt from whole captions, "a fox on a green background, twemoji style", and say little about "a fox" alone.
So each subject stands for the mean over all artists of its captions on the background that the picture has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from impasto.core.grammar import with_article
from impasto.features._pocket_words import POCKET
from impasto.features._protocol import Scorer
from impasto.metrics.content_leak import found_subjects
from impasto.metrics.named_colour import background_of

SUBJECTS = POCKET.words["subject"]


def subject_features(scorer: Scorer, background: str) -> Float[Tensor, "subjects dim"]:
    """Return a unit-length feature for each of `SUBJECTS` on a background, whatever the artist."""
    captions = [
        f"{with_article(subject)} on {with_article(background)} background, {artist} style"
        for artist in POCKET.words["style"]
        for subject in SUBJECTS
    ]
    by_hand = torch.stack(torch.split(scorer.text(captions), len(SUBJECTS)))
    return normalize(by_hand.mean(dim=0), dim=-1)


class SubjectJudge:
    """Tells which of `SUBJECTS` pictures show; features of words are computed once for each background."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._words: dict[str, Float[Tensor, "subjects dim"]] = {}

    def words(self, background: str) -> Float[Tensor, "subjects dim"]:
        """Return `subject_features` on a background."""
        if background not in self._words:
            self._words[background] = subject_features(self._scorer, background)
        return self._words[background]

    def found(self, pictures: Sequence[Image.Image]) -> list[int]:
        """Return the place in `SUBJECTS` of what each picture shows."""
        features = self._scorer.extract(pictures)
        backgrounds = [background_of(picture) for picture in pictures]
        rows = [
            found_subjects(row[None], self.words(background))
            for row, background in zip(features, backgrounds, strict=True)
        ]
        return [int(each) for each in torch.cat(rows)] if rows else []

"""Making a data set piece by piece, by any number of workers: one generator for each picture, seeded by its number."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pretraining.data.drawing import drawing_by
from pretraining.data.make import make
from pretraining.data.picture import Picture
from pretraining.data.sets import TRAINED
from pretraining.data.split import is_held_out
from pretraining.data.store import Piece

PIECE = 256
"""Pictures in one piece of work: 12 MB."""


@dataclass(frozen=True, slots=True)
class Job:
    """A data set: picture number i shows pair i // variants, whoever makes it.

    Attributes:
        pairs: Every (subject, artist) that is shown.
        variants: Pictures of each pair.
        seed: Of the data set.
    """

    pairs: tuple[tuple[str, str], ...]
    variants: int
    seed: int

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.pairs) * self.variants

    def make(self, number: int) -> tuple[Picture, dict[str, Any]]:
        """Return picture `number` and its row."""
        rng = np.random.default_rng((self.seed, number))
        made = make(*self.pairs[number // self.variants], None, None, rng)
        return made.picture, made.row(rng)

    def piece(self, start: int) -> Piece:
        """Return the pictures from `start` on, at most `PIECE` of them."""
        cv2.setNumThreads(1)
        made = [self.make(number) for number in range(start, min(start + PIECE, self.count))]
        return np.stack([picture for picture, _ in made]), [row for _, row in made]

    def pieces(self, workers: int) -> Iterator[Piece]:
        """Yield all pieces in order, made by so many processes, or by this one when there is one worker."""
        starts = range(0, self.count, PIECE)
        if workers == 1:
            yield from map(self.piece, starts)
            return
        with ProcessPoolExecutor(workers) as pool:
            yield from pool.map(self.piece, starts)


def job_for(subjects: tuple[str, ...], variants: int, seed: int) -> Job:
    """Return the job over every drawing of `subjects` by the trained artists that is not held out."""
    pairs = [
        (subject, artist.phrase)
        for subject in subjects
        for artist in TRAINED
        if not is_held_out(subject, artist.phrase) and drawing_by(artist.name, subject) is not None
    ]
    return Job(tuple(pairs), variants, seed)

"""Making a data set piece by piece, by any number of workers: one generator for each picture, seeded by its number."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pretraining.data.captions import caption
from pretraining.data.compose import compose
from pretraining.data.fetch import read_keywords
from pretraining.data.grammar import Grammar
from pretraining.data.library import open_library
from pretraining.data.nouns import synonyms
from pretraining.data.render import Picture, render_set
from pretraining.data.sets import TRAINED
from pretraining.data.store import Piece

PIECE = 256
"""Pictures in one piece of work: 12 MB."""


@dataclass(frozen=True)
class Job:
    """A data set of the full grammar: picture number i shows pair i // variants, whoever makes it."""

    grammar: Grammar
    variants: int
    seed: int

    @cached_property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.grammar.pairs) * self.variants

    def make(self, number: int) -> tuple[Picture, dict[str, str]]:
        """Return picture `number` and its row."""
        rng = np.random.default_rng((self.seed, number))
        hand, subject = self.grammar.pairs[number // self.variants]
        plan = self.grammar.plan(hand, subject, rng)
        picture = self.grammar.render(plan, rng)
        row = {
            "subject": subject,
            "second": plan.subjects[1] if len(plan.subjects) > 1 else "",
            "hand": hand,
            "treatment": plan.treatment.phrase if plan.treatment else "",
            "ground": plan.ground.words,
        }
        return picture, row | {f"caption_{index}": caption(plan, self.grammar, rng) for index in range(3)}

    def piece(self, start: int) -> Piece:
        """Return the pictures from `start` on, at most `PIECE` of them."""
        made = [self.make(number) for number in range(start, min(start + PIECE, self.count))]
        return np.stack([picture for picture, _ in made]), [row for _, row in made]

    def starts(self) -> range:
        """Return the number of the first picture of each piece."""
        return range(0, self.count, PIECE)


def full_job(subjects: tuple[str, ...], variants: int, seed: int, plain: float = 0.0, favoured: str = "") -> Job:
    """Return the job over the drawings of `subjects`, with the synonyms of the public list."""
    return Job(Grammar(open_library(subjects), synonyms(read_keywords(), subjects), plain, favoured), variants, seed)


_worker: dict[str, Job] = {}


def _open_worker(subjects: tuple[str, ...], variants: int, seed: int, plain: float, favoured: str) -> None:
    """Open the job in a worker process, once; the drawings are mapped, not copied."""
    cv2.setNumThreads(1)
    _worker["job"] = full_job(subjects, variants, seed, plain, favoured)


def _worker_piece(start: int) -> Piece:
    return _worker["job"].piece(start)


def full_pieces(job: Job, subjects: tuple[str, ...], workers: int) -> Iterator[Piece]:
    """Yield the pieces of `job` in order, made by `workers` processes, or by this one when there is one worker."""
    if workers == 1:
        yield from map(job.piece, job.starts())
        return
    wanted = (subjects, job.variants, job.seed, job.grammar.plain, job.grammar.favoured)
    with ProcessPoolExecutor(workers, initializer=_open_worker, initargs=wanted) as pool:
        yield from pool.map(_worker_piece, job.starts())


def v0_pieces(subjects: tuple[str, ...], variants: int, seed: int) -> Iterator[Piece]:
    """Yield the data set of the first pocket, a piece for each (hand, subject): one generator runs through all."""
    rng = np.random.default_rng(seed)
    for hand in TRAINED:
        for subject, drawing in render_set(hand, subjects).items():
            pictures, rows = [], []
            for _ in range(variants):
                made = compose(subject, hand, drawing, rng)
                pictures.append(made.picture)
                captions = {f"caption_{index}": made.caption(rng) for index in range(3)}
                rows.append({"subject": subject, "hand": hand.name, "ground": made.ground, **captions})
            yield np.stack(pictures), rows


def v0_count(subjects: tuple[str, ...], variants: int) -> int:
    """Return how many pictures `v0_pieces` yields."""
    return sum(len(render_set(hand, subjects)) for hand in TRAINED) * variants

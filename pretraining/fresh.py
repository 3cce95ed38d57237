"""Compositions that are in no built data set, to measure with: the same drawings, put together anew."""

from __future__ import annotations

import numpy as np

from pretraining.data.compose import on_ground
from pretraining.data.pieces import full_job
from pretraining.data.render import render_set
from pretraining.data.sets import TRAINED
from pretraining.data.store import Piece

SEED = 1_000_003
"""Of fresh compositions; data sets are built with small seeds."""


def is_full_grammar(rows: list[dict[str, str]]) -> bool:
    """Return whether a data set was built with the full grammar: only its rows name a treatment and leave pairs out."""
    return "treatment" in rows[0]


def fresh_pieces(rows: list[dict[str, str]], count: int) -> Piece:
    """Return up to `count` fresh pictures, uint8 (count, 128, 128, 3), by the grammar that built `rows`, and rows."""
    subjects = tuple(dict.fromkeys(row["subject"] for row in rows))
    return _fresh_full(subjects, count) if is_full_grammar(rows) else _fresh_v0(subjects, count)


def _fresh_full(subjects: tuple[str, ...], count: int) -> Piece:
    job = full_job(subjects, 1, SEED)
    numbers = np.random.default_rng(SEED).permutation(job.count)[:count]
    made = [job.make(int(number)) for number in numbers]
    return np.stack([picture for picture, _ in made]), [row for _, row in made]


def _fresh_v0(subjects: tuple[str, ...], count: int) -> Piece:
    """Return drawings on pale grounds of no name, a little off the middle: v0 has nothing else that could be new."""
    rng = np.random.default_rng(SEED)
    drawings = [(hand, subject, drawing) for hand in TRAINED for subject, drawing in render_set(hand, subjects).items()]
    pictures, rows = [], []
    for place in rng.permutation(len(drawings))[:count]:
        hand, subject, drawing = drawings[int(place)]
        red, green, blue, side = (int(value) for value in rng.integers((110, 110, 110, 104), (256, 256, 256, 125)))
        right, down = (int(value) for value in rng.integers(-4, 5, 2))
        pictures.append(on_ground(drawing, (red, green, blue), side=side, offset=(right, down)))
        rows.append({"subject": subject, "hand": hand.name})
    return np.stack(pictures), rows

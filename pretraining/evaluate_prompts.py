"""The prompts that pocket is measured with: each asks for what one fresh render shows, so that both can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pretraining.data.captions import caption

Row = Mapping[str, Any]
PLAIN_PER_SUBJECT = 2
"""Prompts of each subject that name an artist and no style of drawing."""
PER_KIND = 40
"""Prompts at least that name a value of each kind of style."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one picture is asked to show.

    Attributes:
        subject: Slug.
        artist: Phrase of an artist.
        background: Name of a colour.
        style: Values of the kinds of style that are asked for.
        words: How they are said; empty if there are none.
        render: Index of the fresh render that shows the same; -1 if there is none.
    """

    subject: str
    artist: str
    background: str
    style: Mapping[str, str]
    words: str
    render: int = -1

    @property
    def prompt(self) -> str:
        """The full prompt."""
        return caption(self.subject, self.artist, self.background, self.words)

    def row(self) -> dict[str, Any]:
        """Return what the judge is asked about."""
        return {"subject": self.subject, "artist": self.artist, "style": self.style}


def asked_of(row: Row, render: int) -> Asked:
    """Return what asks for the picture of `row`."""
    return Asked(row["subject"], row["artist"], row["background"], row["style"], row["words"], render)


def plain_prompts(rows: Sequence[Row], rng: np.random.Generator, each: int = PLAIN_PER_SUBJECT) -> list[Asked]:
    """Return `each` prompts of every subject for renders that only an artist's name describes, by different artists."""
    found: dict[str, dict[str, Asked]] = {row["subject"]: {} for row in rows}
    for number in rng.permutation(len(rows)).tolist():
        row = rows[number]
        of_subject = found[row["subject"]]
        if not row["words"] and row["artist"] not in of_subject and len(of_subject) < each:
            of_subject[row["artist"]] = asked_of(row, number)
    return [asked for of_subject in found.values() for asked in of_subject.values()]


def styled_prompts(rows: Sequence[Row], rng: np.random.Generator, each: int = PER_KIND) -> list[Asked]:
    """Return `each` prompts of every kind of style, for renders that show it; its values as equally often as can be."""
    order = [(number, rows[number]) for number in rng.permutation(len(rows)).tolist()]
    chosen: dict[int, Asked] = {}
    for kind in sorted({kind for row in rows for kind in row["style"]}):
        of_value: dict[str, list[int]] = {}
        for number, row in order:
            if kind in row["style"] and number not in chosen:
                of_value.setdefault(row["style"][kind], []).append(number)
        turns = [places[turn] for turn in range(each) for _, places in sorted(of_value.items()) if turn < len(places)]
        chosen |= {number: asked_of(rows[number], number) for number in turns[:each]}
    return list(chosen.values())


def prompts_of_subjects(rows: Sequence[Row], rng: np.random.Generator, count: int = 100) -> list[Asked]:
    """Return one prompt for each of up to `count` subjects, styled or not."""
    found: dict[str, Asked] = {}
    for number in rng.permutation(len(rows)).tolist():
        found.setdefault(rows[number]["subject"], asked_of(rows[number], number))
    return list(found.values())[:count]

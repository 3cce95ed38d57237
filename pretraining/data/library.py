"""All drawings of all trained hands in one memory-mapped file, so that any number of workers shares them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pretraining.data.render import RENDERS, SIZE, Picture, render_set
from pretraining.data.sets import TRAINED, UNSEEN


@dataclass(frozen=True, slots=True)
class Library:
    """The drawings, RGBA uint8 of shape (count, SIZE, SIZE, 4), and the row of each (hand, subject) by name."""

    drawings: NDArray[np.uint8]
    rows: dict[tuple[str, str], int]

    def __post_init__(self) -> None:
        hands = {hand for hand, _ in self.rows}
        if forbidden := hands & {each.name for each in UNSEEN}:
            raise ValueError(f"drawings of sets that pocket never sees: {', '.join(sorted(forbidden))}")
        if unknown := hands - {each.name for each in TRAINED}:
            raise ValueError(f"drawings of unknown sets: {', '.join(sorted(unknown))}")

    def drawing(self, hand: str, subject: str) -> Picture:
        """Return one drawing; raises `KeyError` when the hand lacks the subject."""
        return np.asarray(self.drawings[self.rows[hand, subject]])


def versions() -> list[str]:
    """Return the trained sets as the index names them."""
    return [f"{hand.name}-{hand.version}" for hand in TRAINED]


def write_library(subjects: tuple[str, ...], folder: Path) -> None:
    """Render all hands and write `drawings.npy` and, last, its index."""
    rendered = {(hand.name, slug): made for hand in TRAINED for slug, made in render_set(hand, subjects).items()}
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / ".drawings.npy"
    array = np.lib.format.open_memmap(staged, "w+", np.uint8, (len(rendered), SIZE, SIZE, 4))
    for row, drawing in enumerate(rendered.values()):
        array[row] = drawing
    array.flush()
    staged.replace(folder / "drawings.npy")
    index = {"sets": versions(), "asked": subjects, "rows": list(rendered)}
    (folder / "drawings.json").write_text(json.dumps(index), "utf-8")


def is_stored(subjects: tuple[str, ...], folder: Path) -> bool:
    """Return whether `folder` has a library of these sets that was made for `subjects` or for more."""
    if not (folder / "drawings.json").exists():
        return False
    index = json.loads((folder / "drawings.json").read_text("utf-8"))
    return index["sets"] == versions() and set(subjects) <= set(index["asked"])


def open_library(subjects: tuple[str, ...], folder: Path = RENDERS) -> Library:
    """Return the library of `subjects`, rendered first if `folder` does not have it."""
    if not is_stored(subjects, folder):
        write_library(subjects, folder)
    stored = json.loads((folder / "drawings.json").read_text("utf-8"))["rows"]
    rows = {(hand, subject): row for row, (hand, subject) in enumerate(stored)}
    drawings = np.load(folder / "drawings.npy", mmap_mode="r", allow_pickle=False)
    wanted = [(hand.name, subject) for hand in TRAINED for subject in subjects]
    return Library(drawings, {pair: rows[pair] for pair in wanted if pair in rows})

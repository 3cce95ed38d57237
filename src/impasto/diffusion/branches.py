"""Which rows of a forward pass are which branch. A branch is found by its name, never by its place in the batch.

The pictures that are wanted have up to three branches, which differ in what they are shown: "unconditional" (no words,
or negative ones), "words" (the words, no style picture), "text" (the words and the style picture). An auxiliary branch
runs beside them on latents of its own: the branches of the teacher are "teacher.unconditional" and "teacher.text".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

UNCONDITIONAL, WORDS, TEXT = "unconditional", "words", "text"
TEACHER, REFERENCE = "teacher", "reference"
FIRST = "first"
"""Not an auxiliary branch: the first row of the same branch."""


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The row that stands for each row of the batch.

    Attributes:
        lenders: Rows that stand for any row, each once, rising.
        index: For every row of the batch, the place of its counterpart in `lenders`.
    """

    lenders: Int[Tensor, " lenders"]
    index: Int[Tensor, " rows"]

    def rows(self) -> Int[Tensor, " rows"]:
        """Return the counterpart of every row, as a row of the batch; a row may be its own."""
        return self.lenders[self.index]


@dataclass(frozen=True, slots=True)
class Branches:
    """The rows of a batch, by branch.

    Attributes:
        rows: Rows of each branch.
        beside: For each auxiliary branch that is in the batch, and for "first", the counterpart of every row there.
            Rows of auxiliary branches are their own counterpart.
    """

    rows: Mapping[str, range]
    beside: Mapping[str, Counterpart]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())


def auxiliary_branch(auxiliary: str, branch: str) -> str:
    """Return the name of a branch of an auxiliary branch."""
    return f"{auxiliary}.{branch}"


def side_by_side(
    counts: Mapping[str, int], auxiliary: Mapping[str, Sequence[int]], device: torch.device | None = None
) -> Branches:
    """Return the branches of a batch that holds them one after the other.

    Args:
        counts: Number of rows by branch, in order.
        auxiliary: For each auxiliary branch, which of its rows belongs to each picture. Those without a branch in
            `counts` have left the batch and are skipped.
        device: Where the rows are.
    """
    rows: dict[str, range] = {}
    first = 0
    for name, count in counts.items():
        rows[name] = range(first, first + count)
        first += count
    present = {name: of for name, of in auxiliary.items() if auxiliary_branch(name, TEXT) in rows}
    beside = {name: _counterpart(_sources(rows, name, of), device) for name, of in present.items()}
    firsts = [own.start if "." not in name else row for name, own in rows.items() for row in own]
    return Branches(rows, beside | {FIRST: _counterpart(firsts, device)})


def _sources(rows: Mapping[str, range], auxiliary: str, row_of: Sequence[int]) -> list[int]:
    """Return the row of `auxiliary` that was shown the same words as each row; its own rows stand for themselves."""
    sources = []
    for name, own in rows.items():
        if "." in name:
            sources += list(own)
            continue
        twin = auxiliary_branch(auxiliary, name)
        lent = rows.get(twin, rows[auxiliary_branch(auxiliary, TEXT)])
        sources += [lent[row_of[picture]] for picture in range(len(own))]
    return sources


def _counterpart(sources: Sequence[int], device: torch.device | None) -> Counterpart:
    lenders = sorted(set(sources))
    place = {row: index for index, row in enumerate(lenders)}
    index = torch.tensor([place[row] for row in sources], device=device)
    return Counterpart(torch.tensor(lenders, device=device), index)

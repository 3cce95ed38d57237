"""What the denoiser is shown in a step: latents, noise, levels, and the captions of content, style and all others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTokenizer

from pretraining.block_captions import shuffled
from pretraining.checkpoint import STAGES
from pretraining.pictures import read_digest
from pretraining.towers import tokenize

CAPTIONS = 3
EMPTY, WHOLE = 0.1, 0.55
"""Share of captions that are empty, for guidance, and share of those that say everything (`caption_0`)."""

LEVELS = 1000
AT_ONCE = 4096
"""Captions that are tokenized together."""


def caption_ids(tokenizer: CLIPTokenizer, rows: Sequence[Mapping[str, Any]]) -> Tensor:
    """Return tokens of all captions of the built data set, int16, shape (3, count, tokens); kept between runs."""
    cached = STAGES / "captions.safetensors"
    of = hashlib.sha256((read_digest() + str(sorted(tokenizer.get_vocab().items()))).encode()).hexdigest()
    if not cached.exists() or _made_of(cached) != of:
        columns = [[row[f"caption_{column}"] for row in rows] for column in range(CAPTIONS)]
        made = torch.stack([_tokenized(tokenizer, column) for column in columns])
        save_file({"ids": made}, cached, metadata={"of": of})
    ids: Tensor = load_file(cached)["ids"]
    return ids


def _tokenized(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    parts = [captions[start : start + AT_ONCE] for start in range(0, len(captions), AT_ONCE)]
    return torch.cat([tokenize(tokenizer, part).to(torch.int16) for part in parts])


def _made_of(cached: Path) -> str:
    with safe_open(cached, framework="pt") as opened:
        made_of: str = (opened.metadata() or {}).get("of", "")
        return made_of


def drawn_levels(count: int, power: float, rng: torch.Generator) -> Tensor:
    """Return timesteps t = 1000 u^power with u spread evenly over [0, 1).

    Args:
        count: Of timesteps. Each has its own part of [0, 1), so that a batch sees all levels.
        power: 1 is uniform; less than 1 gives more noise: with 0.4, two thirds are above t = 644.
        rng: Says where in their parts they are, and in which order they come.

    Returns:
        int64, shape (count,), from 0 to 999.
    """
    u = (torch.arange(count) + torch.rand((), generator=rng)) / count
    levels = (LEVELS * u**power).long().clamp(0, LEVELS - 1)
    return levels[torch.randperm(count, generator=rng)]


@dataclass(frozen=True, slots=True)
class Shown:
    """One batch.

    Attributes:
        x_0: Clean latents, shape (batch, channels, 16, 16).
        noise: Of the same shape.
        timesteps: Shape (batch,).
        ids: Tokens of what is told to the block of content, to that of style and to all others, shape
            (3, batch, tokens); or of the one caption that all are told, shape (1, batch, tokens).
    """

    x_0: Tensor
    noise: Tensor
    timesteps: Tensor
    ids: Tensor


class Batches:
    """The data set as batches.

    Args:
        latents: Of all pictures, shape (count, channels, 16, 16), on the device.
        rows: Their captions; `words` is empty for a plain drawing in its artist's own style.
        ids: Tokens of the captions, see `caption_ids`.
        tokenizer: For captions that are put together anew.
        choices: What pictures, captions and levels are drawn from, on the CPU.
        noises: What noise is drawn from, on the device.
    """

    def __init__(
        self,
        latents: Tensor,
        rows: Sequence[Mapping[str, Any]],
        ids: Tensor,
        tokenizer: CLIPTokenizer,
        choices: torch.Generator,
        noises: torch.Generator,
    ) -> None:
        self._latents, self._rows, self._ids, self._tokenizer = latents, rows, ids, tokenizer
        self._choices, self._noises = choices, noises
        self._plain = torch.tensor([place for place, row in enumerate(rows) if not row.get("words")], dtype=torch.int64)
        self._styled = torch.tensor([place for place, row in enumerate(rows) if row.get("words")], dtype=torch.int64)
        self._empty = tokenize(tokenizer, [""])[0]

    def draw(self, count: int, *, power: float, plain: float, shuffle: float) -> Shown:
        """Return a batch.

        Args:
            count: Of pictures.
            power: Of noise levels, see `drawn_levels`.
            plain: Share of drawings in their artists' own styles, where the data set has both kinds.
            shuffle: Chance that every block is told something true and something false.
        """
        index = self._drawn_index(count, plain)
        column = self._drawn_columns(count)
        is_empty = torch.rand(count, generator=self._choices) < EMPTY
        if float(torch.rand((), generator=self._choices)) < shuffle:
            ids = self._shuffled(index, column, is_empty)
        else:
            ids = self._ids[column, index].long()
            ids[is_empty] = self._empty
            ids = ids[None]
        device = self._latents.device
        x_0 = self._latents[index.to(device)].float()
        noise = torch.randn(x_0.shape, generator=self._noises, device=device)
        return Shown(x_0, noise, drawn_levels(count, power, self._choices).to(device), ids.to(device))

    def _drawn_index(self, count: int, plain: float) -> Tensor:
        if not len(self._plain) or not len(self._styled):
            return torch.randint(len(self._rows), (count,), generator=self._choices)
        parts = ((self._plain, round(count * plain)), (self._styled, count - round(count * plain)))
        return torch.cat([part[torch.randint(len(part), (many,), generator=self._choices)] for part, many in parts])

    def _drawn_columns(self, count: int) -> Tensor:
        other = torch.randint(1, CAPTIONS, (count,), generator=self._choices)
        return torch.where(torch.rand(count, generator=self._choices) < WHOLE, 0, other)

    def _shuffled(self, index: Tensor, column: Tensor, is_empty: Tensor) -> Tensor:
        """Return tokens of captions that only one block can trust, shape (3, batch, tokens)."""
        captions = [
            "" if empty else self._rows[row][f"caption_{number}"]
            for row, number, empty in zip(index.tolist(), column.tolist(), is_empty.tolist(), strict=True)
        ]
        told = shuffled(captions, torch.randperm(len(captions), generator=self._choices).tolist())
        return torch.stack([tokenize(self._tokenizer, each) for each in (told.content, told.style, told.others)])

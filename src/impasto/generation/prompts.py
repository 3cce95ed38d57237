"""What the words of a drawing become; each distinct prompt goes through the text encoders once, and by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from impasto.diffusion.branches import TEXT, UNCONDITIONAL, WORDS
from impasto.models.conditioning import Conditioning, joined
from impasto.models.latent_diffusion import LatentDiffusion

if TYPE_CHECKING:
    from impasto.generation.requests import ImageRequest

KEPT = 64
"""Prompts that stay encoded on the device, the last that were asked for; those of SDXL take 20 MB in half precision."""


class Words:
    """The encoded prompts of one call of `draw`.

    By itself, a prompt becomes the same to the last bit whatever else is in its batch.

    Args:
        base: Encodes; what is attached to it stays while these are in use.
        negative_prompt: What the unconditional branch is told, or None.
    """

    def __init__(self, base: LatentDiffusion, negative_prompt: str | None) -> None:
        def encode(prompt: str) -> Conditioning:
            return base.encode_prompts([prompt])

        def encode_nothing() -> Conditioning:
            return base.encode_nothing(1, negative_prompt)

        self._negative = negative_prompt or ""
        self._count = lru_cache(maxsize=KEPT)(lambda prompt: len(base.windows(prompt)))
        self.prompt = lru_cache(maxsize=KEPT)(encode)
        self.nothing = lru_cache(maxsize=1)(encode_nothing)

    def num_windows(self, request: ImageRequest) -> int:
        """Return how many windows of the text encoder's length the words of a request take, the negative ones too."""
        prompts = {request.prompt, self._negative, *request.per_block.values()}
        return max(map(self._count, prompts))

    def even(self, words: Mapping[str, Conditioning]) -> dict[str, Conditioning]:
        """Return the words of all branches with equally many windows: the shorter ones get empty windows behind."""
        tokens = max(each.states.shape[1] for each in words.values())
        return {name: self._lengthened(each, tokens) for name, each in words.items()}

    def branches(self, requests: Sequence[ImageRequest]) -> dict[str, Conditioning]:
        """Return what each branch of a batch is told."""
        blocks = dict.fromkeys(block for request in requests for block in request.per_block)
        told = {"": self._rows([request.prompt for request in requests])}
        told |= {
            block: self._rows([request.per_block.get(block, request.prompt) for request in requests])
            for block in blocks
        }
        text = self.even(told)
        whole = replace(text[""], per_block={block: text[block].states for block in blocks})
        nothing = self.nothing().rows([0] * len(requests))
        return self.even({UNCONDITIONAL: nothing, WORDS: whole, TEXT: whole})

    def _rows(self, prompts: Sequence[str]) -> Conditioning:
        return joined(list(self.even({str(row): self.prompt(each) for row, each in enumerate(prompts)}).values()))

    def _lengthened(self, words: Conditioning, tokens: int) -> Conditioning:
        if words.states.shape[1] == tokens:
            return words
        is_zeroed = not words.states.any()
        nothing = self.prompt("").states
        return words.lengthened(torch.zeros_like(nothing) if is_zeroed else nothing, tokens)

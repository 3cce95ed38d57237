"""What the words of a drawing become; each distinct prompt goes through the text encoders once, and by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from impasto.diffusion.branches import TEXT, UNCONDITIONAL, WORDS
from impasto.models.conditioning import Conditioning, joined
from impasto.models.latent_diffusion import LatentDiffusion

if TYPE_CHECKING:
    from impasto.generation.requests import ImageRequest, SamplingParams

KEPT = 64
"""Prompts that stay encoded on the device, the last that were asked for; those of SDXL take 20 MB in half precision."""


class Words:
    """The encoded prompts of one call of `draw`.

    By itself, a prompt becomes the same to the last bit whatever else is in its batch.

    Args:
        base: Encodes; what is attached to it stays while these are in use.
        params: Says what the unconditional branch is told.
    """

    def __init__(self, base: LatentDiffusion, params: SamplingParams) -> None:
        def encode(prompt: str) -> Conditioning:
            return base.encode_prompts([prompt])

        def encode_nothing(negative_words: str | None) -> Conditioning:
            return base.encode_nothing(1, negative_words)

        self._params = params
        self.prompt = lru_cache(maxsize=KEPT)(encode)
        self._encode_nothing = lru_cache(maxsize=3)(encode_nothing)

    def nothing(self, *, is_styled: bool = False) -> Conditioning:
        """Return one row for the unconditional branch of a picture that is shown style pictures, or is not."""
        return self._encode_nothing(self._params.negative_words(is_styled=is_styled))

    def empty(self) -> Conditioning:
        """Return one row of the empty prompt as the base was trained with it, whatever the negative prompt."""
        return self._encode_nothing(None)

    def branches(self, requests: Sequence[ImageRequest]) -> dict[str, Conditioning]:
        """Return what each branch of a batch is told."""
        text = self._rows([request.prompt for request in requests])
        blocks = dict.fromkeys(block for request in requests for block in request.per_block)
        per_block = {
            block: self._rows([request.per_block.get(block, request.prompt) for request in requests]).states
            for block in blocks
        }
        text = replace(text, per_block=per_block)
        nothing = joined([self.nothing(is_styled=request.is_styled) for request in requests])
        return {UNCONDITIONAL: nothing, WORDS: text, TEXT: text}

    def _rows(self, prompts: Sequence[str]) -> Conditioning:
        return joined([self.prompt(prompt) for prompt in prompts])

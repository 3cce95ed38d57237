"""What the words of a drawing become; each distinct prompt goes through the text encoders once, and by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from impasto.core.finite import require_finite
from impasto.diffusion.branches import TEXT, UNCONDITIONAL, WORDS
from impasto.models.conditioning import Conditioning, joined
from impasto.models.latent_diffusion import LatentDiffusion

if TYPE_CHECKING:
    from impasto.generation.requests import ImageRequest

KEPT = 64
"""Prompts that stay encoded on the device, the last that were asked for; those of SDXL take 20 MB in half precision."""


def _finite(encoded: Conditioning, prompt: str) -> Conditioning:
    for values in (encoded.states, encoded.pooled):
        if values is not None:
            way_out = "lower the scales of styles, leave out a damaged embedding, or try --precision fp32"
            require_finite(values, f"the encoded prompt {prompt!r}", way_out)
    return encoded


class Words:
    """The encoded prompts of one call of `draw`.

    By itself, a prompt becomes the same to the last bit whatever else is in its batch.

    Args:
        base: Encodes; what is attached to it stays while these are in use.
        negative_prompt: What the unconditional branch is told, or None.
    """

    def __init__(self, base: LatentDiffusion, negative_prompt: str | None) -> None:
        def encode(prompt: str) -> Conditioning:
            return _finite(base.encode_prompts([prompt]), prompt)

        def encode_nothing() -> Conditioning:
            return _finite(base.encode_nothing(1, negative_prompt), negative_prompt or "")

        self.prompt = lru_cache(maxsize=KEPT)(encode)
        self.nothing = lru_cache(maxsize=1)(encode_nothing)

    def branches(self, requests: Sequence[ImageRequest]) -> dict[str, Conditioning]:
        """Return what each branch of a batch is told."""
        text = self._rows([request.prompt for request in requests])
        blocks = dict.fromkeys(block for request in requests for block in request.per_block)
        per_block = {
            block: self._rows([request.per_block.get(block, request.prompt) for request in requests]).states
            for block in blocks
        }
        text = replace(text, per_block=per_block)
        return {UNCONDITIONAL: self.nothing().rows([0] * len(requests)), WORDS: text, TEXT: text}

    def _rows(self, prompts: Sequence[str]) -> Conditioning:
        return joined([self.prompt(prompt) for prompt in prompts])

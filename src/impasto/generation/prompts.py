"""What the words of a drawing become; each distinct prompt goes through the text encoders once, and by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from impasto.core.finite import require_finite
from impasto.diffusion.branches import TEXT, UNCONDITIONAL, WORDS
from impasto.models.conditioning import Conditioning, joined
from impasto.models.latent_diffusion import LatentDiffusion

if TYPE_CHECKING:
    from impasto.generation.requests import ImageRequest, SamplingParams

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
        params: Says what the unconditional branch is told.
    """

    def __init__(self, base: LatentDiffusion, params: SamplingParams) -> None:
        def encode(prompt: str) -> Conditioning:
            return _finite(base.encode_prompts([prompt]), prompt)

        def encode_nothing(negative_words: str | None) -> Conditioning:
            return _finite(base.encode_nothing(1, negative_words), negative_words or "")

        self._params = params
        self._count = lru_cache(maxsize=KEPT)(lambda prompt: len(base.windows(prompt)))
        self.prompt = lru_cache(maxsize=KEPT)(encode)
        self._encode_nothing = lru_cache(maxsize=3)(encode_nothing)

    def nothing(self, *, is_styled: bool = False) -> Conditioning:
        """Return one row for the unconditional branch of a picture that is shown style pictures, or is not."""
        return self._encode_nothing(self._params.negative_words(is_styled=is_styled))

    def empty(self) -> Conditioning:
        """Return one row of the empty prompt as the base was trained with it, whatever the negative prompt."""
        return self._encode_nothing(None)

    def num_windows(self, request: ImageRequest) -> int:
        """Return how many windows of the text encoder's length the words of a request take, the negative ones too."""
        negative = self._params.negative_words(is_styled=request.is_styled) or ""
        prompts = {request.prompt, negative, *request.per_block.values()}
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
        nothing = joined([self.nothing(is_styled=request.is_styled) for request in requests])
        return self.even({UNCONDITIONAL: nothing, WORDS: whole, TEXT: whole})

    def _rows(self, prompts: Sequence[str]) -> Conditioning:
        return joined(list(self.even({str(row): self.prompt(each) for row, each in enumerate(prompts)}).values()))

    def _lengthened(self, words: Conditioning, tokens: int) -> Conditioning:
        if words.states.shape[1] == tokens:
            return words
        says_something = words.states.flatten(1).any(dim=1)  # rows of zeros stay zeros
        return words.lengthened(self.prompt("").states * says_something[:, None, None], tokens)

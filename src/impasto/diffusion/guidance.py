"""How the predictions of several named branches become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from impasto.diffusion.branches import TEXT, UNCONDITIONAL, WORDS


def classifier_free(
    unconditional: Float[Tensor, "batch c h w"], text: Float[Tensor, "batch c h w"], guidance_scale: float
) -> Float[Tensor, "batch c h w"]:
    """Return the guided prediction; `guidance_scale` 1 is the text branch alone.

    ε̃ = ε(∅) + s (ε(c) - ε(∅))       arXiv:2207.12598, Eq. 6 with s = 1 + w

    With a negative style picture in the first branch it is the style-based guidance of StyleStudio, arXiv:2412.08503:
    ε̃ = (1 + w) ε(words⁺, style⁺) - w ε(words⁻, style⁻).
    """
    return unconditional + guidance_scale * (text - unconditional)


@dataclass(frozen=True, slots=True)
class Guidance:
    """Which branches are computed, and how they are joined.

    Attributes:
        words: Classifier-free guidance; at 1 or below there is no unconditional branch.
        style: A scale of its own for the style picture, as StyleCrafter has it; None for that of the words.
    """

    words: float
    style: float | None = None

    def branches(self) -> tuple[str, ...]:
        """Return the names of the branches, in the order of the batch."""
        unconditional = (UNCONDITIONAL,) if self.words > 1 else ()
        words = () if self._is_single() else (WORDS,)
        return (*unconditional, *words, TEXT)

    def __call__(self, predicted: Mapping[str, Float[Tensor, "batch c h w"]]) -> Float[Tensor, "batch c h w"]:
        """Return the guided prediction.

        Two scales: ε̃ = ε(∅) + s_words (ε(words) - ε(∅)) + s_style (ε(words, style) - ε(words)).
        """
        text = predicted[TEXT]
        if self.style is None or self._is_single():
            return classifier_free(predicted[UNCONDITIONAL], text, self.words) if self.words > 1 else text
        words = predicted[WORDS]
        guided = classifier_free(predicted[UNCONDITIONAL], words, self.words) if self.words > 1 else words
        return guided + self.style * (text - words)

    def plain(self) -> Guidance:
        """Return the guidance of a branch without a style picture."""
        return Guidance(self.words)

    def _is_single(self) -> bool:
        return self.style is None or self.style == max(self.words, 1.0)

"""Textual Inversion: a new word learns the style; every weight and every other word stays as it is.

Paper: An Image is Worth One Word: Personalizing Text-to-Image Generation using Textual Inversion, arXiv:2208.01618v1.
Official code: rinongal/textual_inversion.
Differs from it: one prompt for all pictures where the official script draws one of about twenty templates a step
(captions, if there are any, come before it); pictures are cut to the middle square; every text encoder of the base
gets rows, so SDXL learns two.
Notation: v* the new rows · S* the word (`placeholder`)
Learns: `num_vectors` rows of the embedding table of each text encoder, which start from the embedding of `init_word`.
Shows: style pictures with `training_prompt`.
Minimises: v* = arg min E ||ε - ε_θ(x_t, c(y, v*))||² (Eq. 2; v in place of ε for bases that predict v).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.adapters.new_tokens import NewTokens, NewWord
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.data.streams import STYLE, Batch
from impasto.methods._denoising import denoise_batch
from impasto.methods._style_alone import StyleAlone
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel

_WORD = "{v}"
_IN_STYLE = "in the style of {v}"


class TextualInversionSettings(config.Config):
    """What can be chosen about Textual Inversion."""

    placeholder: str = Field(default="<zwx>", pattern=r"^\S+$")
    """S*: the new word, which must not be a token of the base yet."""
    num_vectors: int = Field(default=1, ge=1, le=32)
    """How many rows the word is read as; more hold more and bend prompts more."""
    init_word: str = Field(default="style", min_length=1)
    """Every row starts from the embedding of this word."""
    training_prompt: str = Field(default="a painting in the style of {v}", pattern=r"\{v\}")
    """What style pictures are shown with; {v} stands for the new word."""


class TextualInversion(StyleAlone, Configured[TextualInversionSettings]):
    """Textual Inversion."""

    name: ClassVar[str] = "textual_inversion"
    paper: ClassVar[Paper] = Paper(
        "An Image is Worth One Word: Personalizing Text-to-Image Generation using Textual Inversion",
        "2208.01618v1",
        "rinongal/textual_inversion",
    )
    Config: ClassVar[type[config.Config]] = TextualInversionSettings
    num_pictures: ClassVar[tuple[int, int]] = (3, 20)

    def style_words(self) -> str:
        """Return "in the style of S*" where the training prompt says so, else the whole training prompt."""
        words = _IN_STYLE if _IN_STYLE in self.settings.training_prompt else self.settings.training_prompt
        return words.replace(_WORD, self.settings.placeholder)

    def prompts(self) -> dict[str, str]:
        """Return the one stream's words, the training prompt."""
        return {STYLE: self.settings.training_prompt.replace(_WORD, self.settings.placeholder)}

    def kind(self) -> str:
        """Return how the style is saved."""
        return "embeddings"

    def new_tokens(self) -> tuple[str, ...]:
        """Return the new word."""
        return (self.settings.placeholder,)

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:  # noqa: ARG002 - nothing is drawn
        """Return the rows of the new word and nothing else."""
        word = NewWord(self.settings.placeholder, self.settings.num_vectors, self.settings.init_word)
        return NewTokens(base, [word])

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return the mean error over the batch."""
        denoised = denoise_batch(base, batch, rng)
        terms = denoised.by_stream(denoised.errors(base))
        return terms[STYLE], terms

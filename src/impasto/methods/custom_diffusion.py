"""Custom Diffusion: a new word, and the keys and values that the denoiser makes of words, learn the style.

Paper: Multi-Concept Customization of Text-to-Image Diffusion, arXiv:2212.04488v2.
Official code: adobe-research/custom-diffusion.
Differs from it: "V* style" as the StyleForge paper's baseline says it; auxiliary pictures stand in for retrieved real
ones; pictures are not scaled up and down at random with words such as "far away"; the first token's keys and values
learn too; several concepts take turns step by step.
Notation: V* `modifier_tokens` · W^k, W^v weights of keys and values · λ prior weight (`prior_weight`)
Learns: W^k and W^v of every cross-attention, and one embedding row for each V*, in every text encoder.
Shows: style pictures with "V* style", auxiliary pictures with "style"; with `concepts`, those of one concept a step.
Minimises: E ||ε - ε_θ(x_t, c("V* style"))||² + λ E ||ε - ε_θ(x'_t', c("style"))||² (Sec. 3.2; v in place of ε for bases
that predict v).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, StringConstraints, model_validator
from torch import Tensor

from impasto.adapters.full_weights import FullWeights
from impasto.adapters.learnable import CompositeLearnable, Learnable
from impasto.adapters.new_tokens import NewTokens, NewWord
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.data.streams import AUX, STYLE, Batch, stream_of
from impasto.methods._denoising import style_and_prior
from impasto.methods._style_alone import StyleAlone
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel

_KEYS_AND_VALUES = (".attn2.to_k.weight", ".attn2.to_v.weight")


class CustomDiffusionSettings(config.Config):
    """What can be chosen about Custom Diffusion."""

    concepts: tuple[Annotated[str, StringConstraints(pattern=r"^[\w-]+$")], ...] = ()
    """Learn several concepts together: names of subfolders, or classes of the CSV; repeat the flag. None: just one."""
    modifier_tokens: tuple[Annotated[str, StringConstraints(pattern=r"^\S+$")], ...] = ("<new1>",)
    """V*: a new word for each concept, in the same order; repeat the flag."""
    init_word: str = Field(default="ktn", min_length=1)
    """Every V* starts from the embedding of this word, a rare one in the paper."""
    prior_weight: float = Field(default=1.0, ge=0)
    """λ: weight of the auxiliary pictures' loss."""

    @model_validator(mode="after")
    def _one_token_for_each_concept(self) -> Self:
        wanted = max(1, len(self.concepts))
        if len(self.modifier_tokens) != wanted:
            raise ValueError(f"{len(self.modifier_tokens)} modifier_tokens for {wanted} concept(s): give one for each")
        for what, names in (("concepts", self.concepts), ("modifier_tokens", self.modifier_tokens)):
            if len(set(names)) < len(names):
                raise ValueError(f"{what} must differ: name each once")
        return self


class CustomDiffusion(StyleAlone, Configured[CustomDiffusionSettings]):
    """Custom Diffusion."""

    name: ClassVar[str] = "custom_diffusion"
    paper: ClassVar[Paper] = Paper(
        "Multi-Concept Customization of Text-to-Image Diffusion", "2212.04488v2", "adobe-research/custom-diffusion"
    )
    Config: ClassVar[type[config.Config]] = CustomDiffusionSettings
    num_pictures: ClassVar[tuple[int, int]] = (4, 20)

    def _words(self) -> dict[str, str]:
        """Return "V* style" of each concept; the only one has no name."""
        concepts = self.settings.concepts or ("",)
        return {name: f"{word} style" for name, word in zip(concepts, self.settings.modifier_tokens, strict=True)}

    def style_words(self) -> str:
        """Return "V* style", or those of all concepts."""
        return ", ".join(self._words().values())

    def prompts(self) -> dict[str, str]:
        """Return the words of each concept's style pictures and of its auxiliary pictures; without λ no auxiliary."""
        words = self._words()
        bound = {stream_of(STYLE, concept): each for concept, each in words.items()}
        if self.settings.prior_weight > 0:
            bound |= {stream_of(AUX, concept): "style" for concept in words}
        return bound

    def kind(self) -> str:
        """Return how the style is saved: as differences of weights."""
        return "full"

    def new_tokens(self) -> tuple[str, ...]:
        """Return every V*."""
        return self.settings.modifier_tokens

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:  # noqa: ARG002 - nothing is drawn
        """Return W^k and W^v of every cross-attention, and the rows of every V*."""
        words = [NewWord(word, like=self.settings.init_word) for word in self.settings.modifier_tokens]
        return CompositeLearnable(
            [FullWeights(base.networks(), [base.denoiser_name], _KEYS_AND_VALUES), NewTokens(base, words)]
        )

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return L(style) + λ L(aux) of the concept whose turn it is, and both terms."""
        return style_and_prior(base, batch, rng, self.settings.prior_weight)

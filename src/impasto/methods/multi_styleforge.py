"""Multi-StyleForge: a style divided into concepts, people and backgrounds, each bound to an identifier of its own.

Paper: StyleForge: Enhancing Text-to-Image Synthesis for Any Artistic Styles with Dual Binding, arXiv:2404.05256v2.
Official code: matrix215/Multi-StyleBoost.
Differs from it: pictures are divided by an image-text encoder where no folders or CSV do; any number of concepts; every
round of steps shows each concept once, in shuffled order (the official script shuffles all cached pairs); pairs and
noise are drawn anew every step; captions may be shown, "{caption}, [V] style", and the words then come last in prompts;
identifiers may get embeddings of their own; low-rank adapters may stand in for full fine-tuning.
Notation: x_0 clean latents · ε noise · c encoded prompt · λ prior weight (`prior_weight`) · [V], [W] `identifiers`
Learns: denoiser and text encoders, all weights ("full") or low-rank adapters on attention ("lora").
Shows: one concept a step, its StyleRef with "[V] style" (or "[W] style", ...), its own Aux with "style".
Minimises: E ||ε - ε_θ(x_t, c("[V] style"))||² + λ E ||ε - ε_θ(x'_t', c("style"))||² over the pairs of all concepts
(v in place of ε for bases that predict v).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, StringConstraints, model_validator
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.adapters.new_tokens import NewWord
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.data.streams import AUX, STYLE, Batch, stream_of
from impasto.data.subdivision import BACKGROUNDS, PEOPLE
from impasto.methods._denoising import style_and_prior
from impasto.methods._style_alone import StyleAlone
from impasto.methods._weights import WeightSettings, learnable_weights
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel


class MultiStyleForgeSettings(WeightSettings):
    """What can be chosen about Multi-StyleForge."""

    concepts: tuple[Annotated[str, StringConstraints(pattern=r"^[\w-]+$")], ...] = Field(
        default=(PEOPLE, BACKGROUNDS), min_length=1
    )
    """Parts of the style, as the subfolders or the classes of the CSV are called; repeat the flag."""
    identifiers: tuple[Annotated[str, StringConstraints(pattern=r"^\S+$")], ...] = ("zwx", "ukj")
    """[V], [W]: a rare string for each concept, in the same order; repeat the flag."""
    new_token: bool = False
    """Give every identifier a token of its own."""
    prior_weight: float = Field(default=1.0, ge=0)
    """λ: weight of the auxiliary pictures' loss."""

    @model_validator(mode="after")
    def _one_identifier_for_each_concept(self) -> Self:
        if len(self.identifiers) != len(self.concepts):
            raise ValueError(
                f"{len(self.identifiers)} identifiers for {len(self.concepts)} concepts: give one for each, in order"
            )
        for what, names in (("concepts", self.concepts), ("identifiers", self.identifiers)):
            if len(set(names)) < len(names):
                raise ValueError(f"{what} must differ: name each once")
        return self


class MultiStyleForge(StyleAlone, Configured[MultiStyleForgeSettings]):
    """Multi-StyleForge."""

    name: ClassVar[str] = "multi_styleforge"
    paper: ClassVar[Paper] = Paper(
        "StyleForge: Enhancing Text-to-Image Synthesis for Any Artistic Styles with Dual Binding",
        "2404.05256v2",
        "matrix215/Multi-StyleBoost",
    )
    Config: ClassVar[type[config.Config]] = MultiStyleForgeSettings
    num_pictures: ClassVar[tuple[int, int]] = (15, 20)

    def _words(self) -> dict[str, str]:
        """Return "[V] style" of each concept."""
        return {
            concept: f"{identifier} style"
            for concept, identifier in zip(self.settings.concepts, self.settings.identifiers, strict=True)
        }

    def style_words(self) -> str:
        """Return "[V] style, [W] style", which comes first in prompts, or last where captions were learnt."""
        return ", ".join(self._words().values())

    def prompts(self) -> dict[str, str]:
        """Return each concept's dual binding: its StyleRef to "[V] style", its Aux to "style"; without λ no Aux."""
        bound = {stream_of(STYLE, concept): words for concept, words in self._words().items()}
        if self.settings.prior_weight > 0:
            bound |= {stream_of(AUX, concept): "style" for concept in self.settings.concepts}
        return bound

    def kind(self) -> str:
        """Return how the style is saved."""
        return self.settings.learn

    def new_tokens(self) -> tuple[str, ...]:
        """Return the identifiers, if they get tokens of their own."""
        return self.settings.identifiers if self.settings.new_token else ()

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:
        """Return denoiser and text encoders, in full or low rank, and the new tokens if they are asked for."""
        return learnable_weights(self.settings, base, rng, [NewWord(word) for word in self.new_tokens()])

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return L(StyleRef) + λ L(Aux) of the concept whose turn it is, and both terms."""
        return style_and_prior(base, batch, rng, self.settings.prior_weight)

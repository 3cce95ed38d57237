"""StyleForge: a style from 15-20 pictures, bound to "[V] style", with auxiliary pictures bound to "style".

Paper: StyleForge: Enhancing Text-to-Image Synthesis for Any Artistic Styles with Dual Binding, arXiv:2404.05256v2.
Official code: ION-dgu/StyleBoost.
Differs from it: pairs of style and auxiliary pictures are drawn anew every step (the official script fixes each pairing
and each crop once); the autoencoder's noise is drawn anew every step; the rare identifier may get an embedding of its
own; low-rank adapters may stand in for full fine-tuning; captions may come before "[V] style", not before "style".
Notation: x_0 clean latents · ε noise · c encoded prompt · λ prior weight (`prior_weight`)
Learns: denoiser and text encoders, all weights ("full") or low-rank adapters on attention ("lora").
Shows: StyleRef with "[V] style", Aux with "style".
Minimises: E ||ε - ε_θ(x_t, c("[V] style"))||² + λ E ||ε - ε_θ(x'_t', c("style"))||²
(the two-term loss of DreamBooth, arXiv:2208.12242 Eq. 2, with StyleRef and Aux in place of instance and prior; v in
place of ε for bases that predict v).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.adapters.new_tokens import NewWord
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.data.streams import AUX, STYLE, Batch
from impasto.methods._denoising import style_and_prior
from impasto.methods._style_alone import StyleAlone
from impasto.methods._weights import WeightSettings, learnable_weights
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel


class StyleForgeSettings(WeightSettings):
    """What can be chosen about StyleForge."""

    identifier: str = Field(default="zwx", pattern=r"^\S+$")
    """[V]: a rare string that names the style in prompts."""
    new_token: bool = False
    """Give the identifier a token of its own."""
    prior_weight: float = Field(default=1.0, ge=0)
    """λ: weight of the auxiliary pictures' loss."""


class StyleForge(StyleAlone, Configured[StyleForgeSettings]):
    """StyleForge."""

    name: ClassVar[str] = "styleforge"
    paper: ClassVar[Paper] = Paper(
        "StyleForge: Enhancing Text-to-Image Synthesis for Any Artistic Styles with Dual Binding",
        "2404.05256v2",
        "ION-dgu/StyleBoost",
    )
    Config: ClassVar[type[config.Config]] = StyleForgeSettings
    num_pictures: ClassVar[tuple[int, int]] = (15, 20)

    def style_words(self) -> str:
        """Return "[V] style"."""
        return f"{self.settings.identifier} style"

    def prompts(self) -> dict[str, str]:
        """Return the dual binding: StyleRef to "[V] style", Aux to "style"; without λ there is no Aux stream."""
        bound = {STYLE: self.style_words()}
        return bound | {AUX: "style"} if self.settings.prior_weight > 0 else bound

    def kind(self) -> str:
        """Return how the style is saved."""
        return self.settings.learn

    def new_tokens(self) -> tuple[str, ...]:
        """Return the identifier, if it gets a token of its own."""
        return (self.settings.identifier,) if self.settings.new_token else ()

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:
        """Return denoiser and text encoders, in full or low rank, and the new token if one is asked for."""
        return learnable_weights(self.settings, base, rng, [NewWord(word) for word in self.new_tokens()])

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return L(StyleRef) + λ L(Aux) and both terms; all rows go through the network together."""
        return style_and_prior(base, batch, rng, self.settings.prior_weight)

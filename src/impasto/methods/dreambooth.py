"""DreamBooth, turned to styles: a rare word learns the style, pictures that the base drew itself keep its prior.

Paper: DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation, arXiv:2208.12242v2.
Official code: none; the de facto one is `examples/dreambooth` of huggingface/diffusers.
Differs from it: a style takes the place of the subject, as StyleForge (arXiv:2404.05256) runs this baseline: "[V]
style" for the pictures, "style" for the prior; a handful of style pictures instead of 3 to 5 of a subject; the prior's
pictures are drawn with this project's sampler and are about as many as the style pictures, not hundreds; low-rank
adapters may stand in for full fine-tuning.
Notation: x_0 clean latents · ε noise · c encoded prompt · λ prior weight (`prior_weight`) · [V] `identifier`
Learns: denoiser and text encoders, all weights ("full") or low-rank adapters on attention ("lora").
Shows: style pictures with `instance_prompt`, pictures drawn by the base (`--aux generate`) with `class_prompt`.
Minimises: E ||ε - ε_θ(x_t, c("[V] style"))||² + λ E ||ε - ε_θ(x'_t', c("style"))||² (Eq. 2, in its ε form; v in place
of ε for bases that predict v).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.data.streams import AUX, STYLE, Batch
from impasto.methods._denoising import style_and_prior
from impasto.methods._style_alone import StyleAlone
from impasto.methods._weights import WeightSettings, learnable_weights
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel

_IDENTIFIER = "{v}"


class DreamBoothSettings(WeightSettings):
    """What can be chosen about DreamBooth."""

    identifier: str = Field(default="zwx", pattern=r"^\S+$")
    """[V]: a rare string that names the style in prompts."""
    instance_prompt: str = Field(default="{v} style", pattern=r"\{v\}")
    """What style pictures are shown with, and what calls the style; {v} stands for the identifier."""
    class_prompt: str = Field(default="style", min_length=1)
    """What the prior's pictures are drawn and shown with."""
    prior_weight: float = Field(default=1.0, ge=0)
    """λ: weight of the prior's loss."""


class DreamBooth(StyleAlone, Configured[DreamBoothSettings]):
    """DreamBooth."""

    name: ClassVar[str] = "dreambooth"
    paper: ClassVar[Paper] = Paper(
        "DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation",
        "2208.12242v2",
    )
    Config: ClassVar[type[config.Config]] = DreamBoothSettings
    num_pictures: ClassVar[tuple[int, int]] = (3, 20)

    def style_words(self) -> str:
        """Return the instance prompt, "[V] style" unless another was chosen."""
        return self.settings.instance_prompt.replace(_IDENTIFIER, self.settings.identifier)

    def prompts(self) -> dict[str, str]:
        """Return the instance prompt and the class prompt; without λ there is no prior."""
        bound = {STYLE: self.style_words()}
        return bound | {AUX: self.settings.class_prompt} if self.settings.prior_weight > 0 else bound

    def kind(self) -> str:
        """Return how the style is saved."""
        return self.settings.learn

    def new_tokens(self) -> tuple[str, ...]:
        """Return none: the identifier is read as the letters it is made of."""
        return ()

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:
        """Return denoiser and text encoders, in full or low rank."""
        return learnable_weights(self.settings, base, rng)

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return L(instance) + λ L(prior) and both terms."""
        return style_and_prior(base, batch, rng, self.settings.prior_weight)

"""LoRA: a style from a few pictures by low-rank adapters alone, without a prior.

Paper: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685v2, on the attention of a diffusion model.
Official code: microsoft/LoRA; for diffusion, `examples/text_to_image/train_text_to_image_lora.py` of
huggingface/diffusers.
Differs from it: A is drawn from N(0, 1/r²), as diffusers draws it; files hold B with α / r multiplied in.
Notation: W0 weights of the base · A, B the pair · r `rank` · α `alpha`
Learns: ΔW = (α / r) B A (Eq. 3) on q, k, v and out of every attention of the denoiser, and of the text
  encoders if asked.
Shows: style pictures with "[V] style".
Minimises: E ||ε - ε_θ(x_t, c("[V] style"))||² (v in place of ε for bases that predict v).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.adapters.low_rank import LowRank
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.data.streams import STYLE, Batch
from impasto.methods._denoising import denoise_batch
from impasto.methods._style_alone import StyleAlone
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel


class LoRASettings(config.Config):
    """What can be chosen about LoRA."""

    rank: int = Field(default=16, ge=1, le=4096)
    """r: rank of the adapters."""
    alpha: float | None = Field(default=None, gt=0)
    """α: what is learnt counts α / r; r unless given."""
    learn_text: bool = False
    """Put adapters on the text encoders too."""
    identifier: str = Field(default="zwx", pattern=r"^\S+$")
    """[V]: a rare string that names the style in prompts."""


class LoRA(StyleAlone, Configured[LoRASettings]):
    """LoRA."""

    name: ClassVar[str] = "lora"
    paper: ClassVar[Paper] = Paper(
        "LoRA: Low-Rank Adaptation of Large Language Models",
        "2106.09685v2",
        "microsoft/LoRA",
    )
    Config: ClassVar[type[config.Config]] = LoRASettings
    num_pictures: ClassVar[tuple[int, int]] = (5, 20)

    def style_words(self) -> str:
        """Return "[V] style"."""
        return f"{self.settings.identifier} style"

    def prompts(self) -> dict[str, str]:
        """Return the one stream's words, "[V] style"."""
        return {STYLE: self.style_words()}

    def kind(self) -> str:
        """Return how the style is saved."""
        return "lora"

    def new_tokens(self) -> tuple[str, ...]:
        """Return none: the identifier is read as the letters it is made of."""
        return ()

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:
        """Return low-rank adapters on the attention of the denoiser, and of the text encoders if asked."""
        targets = base.targets(text=self.settings.learn_text)
        return LowRank(base.networks(), targets, self.settings.rank, rng, alpha=self.settings.alpha)

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return the mean error over the batch."""
        denoised = denoise_batch(base, batch, rng)
        terms = denoised.by_stream(denoised.errors(base))
        return terms[STYLE], terms

"""SDXL, and pocket, which has its topology: two text encoders, pooled embedding, size conditioning.

Paper: SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis, arXiv:2307.01952.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline
from jaxtyping import Float, Int
from torch import Tensor

from impasto.core.device import to_device
from impasto.models.block_prompts import block_prompts
from impasto.models.conditioning import Conditioning, Geometry
from impasto.models.forward_context import ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion, keywords_of
from impasto.models.roles import SDXL_ROLES, Roles


class SDXL(LatentDiffusion):
    """An SDXL base."""

    family: ClassVar[str] = "sdxl"
    pipeline_class: ClassVar[type[DiffusionPipeline]] = StableDiffusionXLPipeline
    family_roles: ClassVar[Roles] = SDXL_ROLES

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return penultimate states of both text encoders side by side, and the second one's pooled embedding."""
        states, _, pooled, _ = self.pipe.encode_prompt(
            prompt=list(prompts), device=self.device, do_classifier_free_guidance=False
        )
        return Conditioning(states, pooled)

    @property
    def zeros_empty_prompt(self) -> bool:
        """Whether the base was trained with zeros in place of the encoded empty prompt."""
        return bool(self.pipe.config.force_zeros_for_empty_prompt)

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Int[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
        context: ForwardContext | None = None,
    ) -> Float[Tensor, "batch c h w"]:
        """Return the UNet's prediction."""
        numbers = torch.tensor([each.time_ids() for each in geometry], dtype=conditioning.states.dtype)
        time_ids = to_device(numbers, x_t.device)
        with block_prompts(self.unet, conditioning.per_block):
            predicted: Tensor = self.unet(
                x_t.to(self.dtype),
                timesteps,
                encoder_hidden_states=conditioning.states,
                added_cond_kwargs={"text_embeds": conditioning.pooled, "time_ids": time_ids},
                **keywords_of(context),
            ).sample
        return predicted

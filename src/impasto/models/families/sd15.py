"""Stable Diffusion 1.x: one text encoder, no size conditioning.

Paper: High-Resolution Image Synthesis with Latent Diffusion Models, arXiv:2112.10752.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from diffusers import DiffusionPipeline, StableDiffusionPipeline
from jaxtyping import Float, Int
from torch import Tensor

from impasto.models.block_prompts import block_prompts
from impasto.models.conditioning import Conditioning, Geometry
from impasto.models.forward_context import ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion, keywords_of
from impasto.models.roles import Roles


class SD15(LatentDiffusion):
    """An SD 1.x base."""

    family: ClassVar[str] = "sd15"
    pipeline_class: ClassVar[type[DiffusionPipeline]] = StableDiffusionPipeline
    family_roles: ClassVar[Roles] = {}  # B-LoRA's authors looked and found no blocks that separate

    def _encode(self, prompts: Sequence[str]) -> Conditioning:
        """Return the last states of the text encoder."""
        states, _ = self.pipe.encode_prompt(
            prompt=list(prompts), device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return Conditioning(states)

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Int[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],  # noqa: ARG002 - SD 1.x is not told sizes
        context: ForwardContext | None = None,
    ) -> Float[Tensor, "batch c h w"]:
        """Return the UNet's prediction."""
        with block_prompts(self.unet, conditioning.per_block):
            predicted: Tensor = self.unet(
                x_t.to(self.dtype),
                timesteps,
                encoder_hidden_states=conditioning.states,
                **keywords_of(context),
            ).sample
        return predicted

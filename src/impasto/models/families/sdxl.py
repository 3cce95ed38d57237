"""SDXL, and pocket, which has its topology: two text encoders, pooled embedding, size conditioning.

Paper: SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis, arXiv:2307.01952.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline
from jaxtyping import Float, Num
from torch import Tensor

from impasto.core.device import to_device
from impasto.core.errors import ConfigError
from impasto.models.block_prompts import block_prompts
from impasto.models.conditioning import Conditioning, Geometry
from impasto.models.families._ldm_names import ldm_names
from impasto.models.families._unet import UNetDiffusion, check_channels, check_words, keywords_of
from impasto.models.family_facts import FileNames, FolderParts, SingleFile
from impasto.models.forward_context import ForwardContext
from impasto.models.roles import Roles

SDXL_ROLES: Roles = {
    "content": ("up_blocks.0.attentions.0",),  # W⁴ of B-LoRA, arXiv:2403.14572
    "style": ("up_blocks.0.attentions.1",),  # W⁵
    "layout": ("down_blocks.2.attentions.1",),  # W², the second best for content; InstantStyle calls it layout
}
"""What is known of SDXL's blocks."""


class SDXL(UNetDiffusion):
    """An SDXL base."""

    family: ClassVar[str] = "sdxl"
    pipeline_class: ClassVar[type[DiffusionPipeline]] = StableDiffusionXLPipeline
    family_roles: ClassVar[Roles] = SDXL_ROLES
    parts: ClassVar[FolderParts] = FolderParts(
        {
            "unet": "UNet2DConditionModel",
            "vae": "AutoencoderKL",
            "text_encoder": "CLIPTextModel",
            "text_encoder_2": "CLIPTextModelWithProjection",
        },
        {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"},
    )
    single_file: ClassVar[SingleFile | None] = SingleFile(
        marker="conditioner.embedders.",
        first_layer="model.diffusion_model.input_blocks.0.0.weight",
        channels=4,
        configuration="stabilityai/stable-diffusion-xl-base-1.0",
    )
    file_names: ClassVar[FileNames | None] = FileNames(
        # SDXL has two layers of attention in its middle block; pocket, of the same topology, has three there.
        original=ldm_names(down=(0, 3, 10), middle=10, up=(10, 2, 0))
        | {"add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"},
        architecture="stable-diffusion-xl-v1-base/lora",
        kohya_base="sdxl_base_v1-0",
        counted_by=("comfyui", "kohya-ldm"),
    )

    @classmethod
    def check(cls, pipe: DiffusionPipeline, name: str) -> None:
        """Raise `ConfigError` unless the parts fit one another; `name` is what messages call the base."""
        check_channels(pipe, name)
        first, second, unet = pipe.text_encoder.config, pipe.text_encoder_2.config, pipe.unet.config
        check_words(pipe, name, int(first.hidden_size) + int(second.hidden_size), "text_time")
        given = int(second.projection_dim) + 6 * int(unet.addition_time_embed_dim or 0)
        if unet.projection_class_embeddings_input_dim != given:
            raise ConfigError(
                f"base {name}: its UNet expects {unet.projection_class_embeddings_input_dim} numbers of words and "
                f"sizes, its parts give {given}: it is a refiner, or put together from several bases"
            )

    def _encode(self, prompts: Sequence[str]) -> Conditioning:
        """Return penultimate states of both text encoders side by side, and the second one's pooled embedding."""
        states, _, pooled, _ = self.pipe.encode_prompt(
            prompt=list(prompts), device=self.device, do_classifier_free_guidance=False
        )
        return Conditioning(states, pooled)

    @property
    def zeros_empty_prompt(self) -> bool:
        """Whether the base was trained with zeros in place of the encoded empty prompt."""
        return bool(self.pipe.config["force_zeros_for_empty_prompt"])

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Num[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
        context: ForwardContext | None = None,
    ) -> Float[Tensor, "batch c h w"]:
        """Return the prediction."""
        numbers = torch.tensor([each.time_ids() for each in geometry], dtype=conditioning.states.dtype)
        time_ids = to_device(numbers, x_t.device)
        with block_prompts(self.denoiser, conditioning.per_block):
            predicted: Tensor = self.denoiser(
                x_t.to(self.dtype),
                timesteps,
                encoder_hidden_states=conditioning.states,
                added_cond_kwargs={"text_embeds": conditioning.pooled, "time_ids": time_ids},
                **keywords_of(context),
            ).sample
        return predicted

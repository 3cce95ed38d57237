"""Stable Diffusion 1.x: one text encoder, no size conditioning.

Paper: High-Resolution Image Synthesis with Latent Diffusion Models, arXiv:2112.10752.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from diffusers import DiffusionPipeline, StableDiffusionPipeline
from jaxtyping import Float, Num
from torch import Tensor

from impasto.models.block_prompts import block_prompts
from impasto.models.conditioning import Conditioning, Geometry
from impasto.models.families._ldm_names import ldm_names
from impasto.models.families._unet import UNetDiffusion, check_channels, check_words, keywords_of
from impasto.models.family_facts import FileNames, FolderParts, SingleFile
from impasto.models.forward_context import ForwardContext
from impasto.models.roles import Roles


class SD15(UNetDiffusion):
    """An SD 1.x base."""

    family: ClassVar[str] = "sd15"
    pipeline_class: ClassVar[type[DiffusionPipeline]] = StableDiffusionPipeline
    family_roles: ClassVar[Roles] = {}  # B-LoRA's authors looked and found no blocks that separate
    parts: ClassVar[FolderParts] = FolderParts(
        {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"},
        {"text_encoder": "tokenizer"},
        {"safety_checker": None, "requires_safety_checker": False},  # never used here, whether it is there or not
    )
    single_file: ClassVar[SingleFile | None] = SingleFile(
        marker="cond_stage_model.",
        first_layer="model.diffusion_model.input_blocks.0.0.weight",
        channels=4,
        configuration="stable-diffusion-v1-5/stable-diffusion-v1-5",
    )
    file_names: ClassVar[FileNames | None] = FileNames(
        original=ldm_names(down=(1, 1, 1, 0), middle=1, up=(0, 1, 1, 1)),
        architecture="stable-diffusion-v1/lora",
        kohya_base="sd_v1",
        counted_by=("comfyui",),
    )

    @classmethod
    def check(cls, pipe: DiffusionPipeline, name: str) -> None:
        """Raise `ConfigError` unless the parts fit one another; `name` is what messages call the base."""
        check_channels(pipe, name)
        check_words(pipe, name, int(pipe.text_encoder.config.hidden_size), None)

    def _encode(self, prompts: Sequence[str]) -> Conditioning:
        """Return the last states of the text encoder."""
        states, _ = self.pipe.encode_prompt(
            prompt=list(prompts), device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return Conditioning(states)

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Num[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],  # noqa: ARG002 - SD 1.x is not told sizes
        context: ForwardContext | None = None,
    ) -> Float[Tensor, "batch c h w"]:
        """Return the prediction."""
        with block_prompts(self.denoiser, conditioning.per_block):
            predicted: Tensor = self.denoiser(
                x_t.to(self.dtype),
                timesteps,
                encoder_hidden_states=conditioning.states,
                **keywords_of(context),
            ).sample
        return predicted

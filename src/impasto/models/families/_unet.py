"""What SD 1.x and SDXL share: a UNet as the denoiser, CLIP text encoders, discrete noise levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from diffusers import DiffusionPipeline, UNet2DConditionModel

from impasto.core.errors import ConfigError
from impasto.diffusion.noise_process import NoiseProcess, VariancePreserving
from impasto.models.checks.levels import refuse_other_levels
from impasto.models.checks.schedule import prediction_of, schedule_of
from impasto.models.forward_context import ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion

UNET = "unet"
CLIP_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
_OTHER_TASKS = {
    9: "an inpainting model",
    8: "a model that is shown a picture beside the words (InstructPix2Pix, upscalers, depth)",
    5: "a depth model",
}
_MOST_PIXELS = 4096
_ORDER = ("down_blocks", "mid_block", "up_blocks")


class UNetDiffusion(LatentDiffusion):
    """A base whose denoiser is a UNet."""

    denoiser_name: ClassVar[str] = UNET
    lora_targets: ClassVar[Mapping[str, tuple[str, ...]]] = {
        UNET: ("to_q", "to_k", "to_v", "to_out.0"),
        "text_encoder": CLIP_TARGETS,
        "text_encoder_2": CLIP_TARGETS,
    }
    repeated_blocks: ClassVar[tuple[str, ...]] = ("ResnetBlock2D",)  # the larger part of a small UNet

    @property
    def denoiser(self) -> UNet2DConditionModel:
        """The UNet."""
        unet: UNet2DConditionModel = self.pipe.unet
        return unet

    @property
    def native_side(self) -> int:
        """Side of the latents that the UNet was trained on."""
        return int(self.denoiser.config["sample_size"])

    @property
    def latent_multiple(self) -> int:
        """What sides of latents are multiples of where nothing is padded: the UNet halves them from level to level."""
        return int(2 ** (len(self.denoiser.config["block_out_channels"]) - 1))

    def blocks(self) -> list[str]:
        """Return the blocks with attention to words, in the order of a forward pass."""
        return attention_blocks(self.denoiser)

    def longest_sequence(self, height: int, width: int) -> int:
        """Return the places that attend to each other in the first block that has attention."""
        kinds = list(self.denoiser.config["down_block_types"])
        first = next((index for index, kind in enumerate(kinds) if "Attn" in kind), 0)
        return height * width // int(4**first)

    @classmethod
    def refuse_scheduler(cls, config: dict[str, object], name: str) -> None:
        """Raise `ConfigError` unless a scheduler's settings are of discrete levels, and say which."""
        refuse_other_levels(config, name)

    def noise_process(self, name: str) -> NoiseProcess:
        """Return how the base was trained; `name` is what messages call it."""
        scheduler = self.pipe.scheduler
        return VariancePreserving(schedule_of(scheduler, name), prediction_of(scheduler, name))


def attention_blocks(unet: UNet2DConditionModel) -> list[str]:
    """Return the paths of a UNet's `Transformer2DModel`s, in the order in which a forward pass meets them."""
    paths = [path for path, _ in unet.named_modules() if path.rpartition(".")[0].endswith("attentions")]
    return sorted(paths, key=lambda path: _ORDER.index(path.partition(".")[0]))


def keywords_of(context: ForwardContext | None) -> dict[str, object]:
    """Return what the UNet's forward pass is told beside words and sizes; nothing when nobody looks."""
    if context is None:
        return {}
    keywords: dict[str, object] = {"cross_attention_kwargs": {"context": context}}
    if context.residuals is not None:
        keywords["down_block_additional_residuals"] = context.residuals.down
        keywords["mid_block_additional_residual"] = context.residuals.mid
    return keywords


def check_channels(pipe: DiffusionPipeline, name: str) -> None:
    """Raise `ConfigError` unless the UNet takes and predicts latents of the autoencoder, and nothing besides."""
    unet, latents = pipe.unet.config, pipe.vae.config.latent_channels
    if unet.in_channels != latents:
        what = _OTHER_TASKS.get(unet.in_channels, "made for other latents")
        raise ConfigError(
            f"base {name} takes {unet.in_channels} channels, its autoencoder makes {latents}: it is {what}; use a "
            "text-to-image base"
        )
    if unet.out_channels != latents:
        raise ConfigError(
            f"base {name} predicts {unet.out_channels} channels, its autoencoder makes {latents}: such a base is not "
            "supported"
        )
    side = unet.sample_size
    most = _MOST_PIXELS // 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    if not isinstance(side, int) or not 1 <= side <= most:
        raise ConfigError(f"base {name}: unet says sample_size = {side}: needs a side in latents, 1 to {most}")


def check_words(pipe: DiffusionPipeline, name: str, width: int, embedding: str | None) -> None:
    """Raise `ConfigError` unless the UNet reads words of the text encoders' width, and nothing besides.

    Args:
        pipe: Of the base.
        name: What messages call it.
        width: Of all text encoders together.
        embedding: What the UNet adds to the timestep, as its configuration calls it, or None.
    """
    unet = pipe.unet.config
    if unet.cross_attention_dim != width:
        raise ConfigError(
            f"base {name}: its UNet reads words {unet.cross_attention_dim} wide, its text encoders write {width}: take "
            "all parts from one base"
        )
    is_other = unet.addition_embed_type != embedding
    if is_other or unet.class_embed_type is not None or unet.encoder_hid_dim_type is not None:
        raise ConfigError(f"base {name}: its UNet asks for more than words, or less than SDXL: not supported")

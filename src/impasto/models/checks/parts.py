"""After a base is loaded: whether its parts fit one another, so that nothing breaks or goes wrong silently later."""

from __future__ import annotations

import math

from diffusers import DiffusionPipeline

from impasto.core.errors import ConfigError

_OTHER_TASKS = {
    9: "an inpainting model",
    8: "a model that is shown a picture beside the words (InstructPix2Pix, upscalers, depth)",
    5: "a depth model",
}
_MOST_PIXELS = 4096


def check_parts(pipe: DiffusionPipeline, family: str, name: str) -> tuple[str, ...]:
    """Return notes on what was mended.

    Raises:
        ConfigError: Parts do not fit one another, or the family.
    """
    _check_autoencoder(pipe, name)
    _check_channels(pipe, name)
    _check_widths(pipe, family, name)
    encoders = ("text_encoder", "text_encoder_2")[: 2 if family == "sdxl" else 1]
    notes = [_check_tokenizer(pipe, each, name) for each in encoders]
    return tuple(note for note in notes if note)


def _check_channels(pipe: DiffusionPipeline, name: str) -> None:
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


def _check_widths(pipe: DiffusionPipeline, family: str, name: str) -> None:
    unet, width = pipe.unet.config, int(pipe.text_encoder.config.hidden_size)
    extra = "text_time" if family == "sdxl" else None
    if family == "sdxl":
        width += int(pipe.text_encoder_2.config.hidden_size)
    if unet.cross_attention_dim != width:
        raise ConfigError(
            f"base {name}: its UNet reads words {unet.cross_attention_dim} wide, its text encoders write {width}: take "
            "all parts from one base"
        )
    if unet.addition_embed_type != extra or unet.class_embed_type is not None or unet.encoder_hid_dim_type is not None:
        raise ConfigError(f"base {name}: its UNet asks for more than words, or less than SDXL: not supported")
    if family == "sdxl":
        given = int(pipe.text_encoder_2.config.projection_dim) + 6 * int(unet.addition_time_embed_dim or 0)
        if unet.projection_class_embeddings_input_dim != given:
            raise ConfigError(
                f"base {name}: its UNet expects {unet.projection_class_embeddings_input_dim} numbers of words and "
                f"sizes, its parts give {given}: it is a refiner, or put together from several bases"
            )


def _check_autoencoder(pipe: DiffusionPipeline, name: str) -> None:
    vae = pipe.vae.config
    scale = vae.scaling_factor
    if not isinstance(scale, (int, float)) or isinstance(scale, bool) or not math.isfinite(scale) or scale <= 0:
        raise ConfigError(f"base {name}: vae says scaling_factor = {scale}: needs a number above 0")
    if (vae.get("shift_factor") or 0) != 0:
        raise ConfigError(f"base {name}: vae says shift_factor = {vae.shift_factor}: not supported by this family")
    mean, spread = vae.get("latents_mean"), vae.get("latents_std")
    if mean is None and spread is None:
        return
    for key, values in (("latents_mean", mean), ("latents_std", spread)):
        is_whole = isinstance(values, (list, tuple)) and len(values) == vae.latent_channels
        numbers = [each for each in values or () if isinstance(each, (int, float)) and math.isfinite(each)]
        if not is_whole or len(numbers) != vae.latent_channels or (key == "latents_std" and min(numbers) <= 0):
            raise ConfigError(f"base {name}: vae says {key} = {values}: needs {vae.latent_channels} numbers")


def _check_tokenizer(pipe: DiffusionPipeline, encoder: str, name: str) -> str:
    part = encoder.replace("text_encoder", "tokenizer")
    tokenizer, network = getattr(pipe, part, None), getattr(pipe, encoder, None)
    if tokenizer is None or network is None:
        raise ConfigError(f"base {name} has no {encoder if network is None else part}: take one that is whole")
    positions = int(network.config.max_position_embeddings)
    known = int(network.config.vocab_size)
    if len(tokenizer) > known:
        raise ConfigError(
            f"base {name}: {part} knows {len(tokenizer)} tokens, its text encoder {known}: take both from one base"
        )
    if tokenizer.model_max_length > positions or tokenizer.model_max_length < 1:
        tokenizer.model_max_length = positions
        return f"{part} does not say how many tokens are read: {positions}, as many as its text encoder has places for"
    return ""

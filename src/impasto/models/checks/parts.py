"""After a base is loaded: whether its parts fit one another, so that nothing breaks or goes wrong silently later."""

from __future__ import annotations

import math
from collections.abc import Mapping

from diffusers import DiffusionPipeline

from impasto.core.errors import ConfigError


def check_tokenizers(pipe: DiffusionPipeline, tokenizers: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return notes on what was mended.

    Args:
        pipe: Of the base.
        tokenizers: By text encoder.
        name: What messages call the base.

    Raises:
        ConfigError: A tokenizer does not fit its text encoder, or either is missing.
    """
    notes = [_check_tokenizer(pipe, encoder, tokenizer, name) for encoder, tokenizer in tokenizers.items()]
    return tuple(note for note in notes if note)


def check_autoencoder(pipe: DiffusionPipeline, name: str) -> None:
    """Raise `ConfigError` unless the autoencoder says how its latents are scaled, with numbers that can be."""
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


def _check_tokenizer(pipe: DiffusionPipeline, encoder: str, part: str, name: str) -> str:
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

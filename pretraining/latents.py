"""Between the stages: latents scaled by what they mean to a pixel, and the whole data set encoded once.

Channels differ tenfold in what they do to a picture. A denoiser that is shown them with one variance spends most of its
work on those that nobody sees. Here each channel is divided by its standard deviation and multiplied by the root of
twice its effect (`channel_effect`), so that the same noise does the same harm in every channel.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from impasto.core.precision import is_slow_in_bfloat16
from pretraining.autoencoder import STAGE, make_autoencoder, width_of
from pretraining.checkpoint import STAGES
from pretraining.pictures import read_digest, read_pictures, to_unit

NOISE = 0.5
"""Noise that effects are measured with, in standard deviations of a channel."""

MEASURED_ON = 64
"""Latents that effects are measured on, evenly from the data set."""


def normalise_latents(model: AutoencoderKL, mean: Tensor, scale: Tensor) -> None:
    """Fold (z - mean) / scale into the 1x1 convolutions around the latents, so that the scaling factor is 1.

    Args:
        model: Changed in place; decodes the new latents to the very same pictures.
        mean: Per-channel mean of the latents, shape (channels,).
        scale: What each channel is divided by, shape (channels,).
    """
    channels = len(scale)
    with torch.no_grad():
        into, out = model.quant_conv, model.post_quant_conv
        assert into is not None
        assert into.bias is not None
        assert out is not None
        assert out.bias is not None
        into.weight[:channels] /= scale[:, None, None, None]
        into.bias[:channels] = (into.bias[:channels] - mean) / scale
        into.bias[channels:] -= 2 * scale.log()  # the second half predicts log variances
        out.bias += out.weight[:, :, 0, 0] @ mean
        out.weight *= scale[None, :, None, None]
    model.register_to_config(scaling_factor=1.0)


@torch.no_grad()
def channel_effect(model: AutoencoderKL, latents: Tensor, std: Tensor, rng: torch.Generator, batch: int = 32) -> Tensor:
    """Measure what noise in one channel alone does to the decoded pixels.

    Args:
        model: Decodes `latents`.
        latents: Shape (count, channels, height, width).
        std: Standard deviation of each channel, shape (channels,); the noise is `NOISE` times that.
        rng: Of the noise.
        batch: Latents that are decoded at once.

    Returns:
        Mean squared change of a pixel by noise in each channel, shape (channels,), 1 for the channel with the largest.
    """
    effect = torch.zeros(len(std))
    for part in torch.split(latents, batch):
        clean = model.decode(part).sample
        for channel in range(len(std)):
            noised = part.clone()
            noised[:, channel] += NOISE * std[channel] * torch.randn(part[:, channel].shape, generator=rng)
            effect[channel] += (model.decode(noised).sample - clean).square().sum()
    return effect / effect.max()


def effect_scale(std: Tensor, effect: Tensor) -> Tensor:
    """Return what channels are divided by: std / sqrt(2 effect), for effects as `channel_effect` gives them."""
    return std / (2 * effect).sqrt()


@torch.no_grad()
def encode(model: AutoencoderKL, pictures: Tensor, batch: int = 64) -> Tensor:
    """Return the mean latents of uint8 pictures, float32, shape (count, channels, 16, 16).

    Where bfloat16 is native a copy of the encoder computes in it, channels last: twice as fast as under autocast.
    """
    encoder = copy.deepcopy(model)
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-arg]  # diffusers wraps to() without its self
    if not is_slow_in_bfloat16(torch.device("cpu")):
        encoder.to(torch.bfloat16)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    parts = []
    for start in range(0, len(pictures), batch):
        shown = to_unit(pictures[start : start + batch]).to(encoder.dtype, memory_format=torch.channels_last)
        parts.append(encoder.encode(shown).latent_dist.mean.float())
    return torch.cat(parts).contiguous()


def normalised_marker() -> Path:
    """Return the file that says, by being there, that the stage's autoencoder has normalised latents already.

    `pretraining.restore` makes it; the next save of the stage replaces its folder, and the marker is gone.
    """
    return STAGES / STAGE / "normalised"


def read_autoencoder() -> AutoencoderKL:
    """Return the trained autoencoder as its stage saved it."""
    state = load_file(STAGES / STAGE / "vae.safetensors")
    model = make_autoencoder(width_of(state)).eval().requires_grad_(False)
    model.load_state_dict(state)
    return model


def load_normalised() -> AutoencoderKL:
    """Return the autoencoder with normalised latents; a restored one needs no data set for that."""
    if not normalised_marker().exists():
        return load_latents()[0]
    model = read_autoencoder()
    model.register_to_config(scaling_factor=1.0)
    return model


def load_latents() -> tuple[AutoencoderKL, Tensor]:
    """Return the normalised autoencoder and the latents of the whole data set, float16, (count, channels, 16, 16).

    Latents and their statistics are kept together and made anew only when data or autoencoder changed: the denoiser and
    the packaged autoencoder must agree on them. A restored autoencoder is left as it is, since the restored denoiser
    knows these latents.
    """
    weights, cached = STAGES / STAGE / "vae.safetensors", STAGES / "latents.safetensors"
    model = read_autoencoder()
    is_normalised = normalised_marker().exists()
    of = hashlib.sha256(read_digest().encode() + weights.read_bytes() + b"by effect" * (not is_normalised)).hexdigest()
    if not cached.exists() or _made_of(cached) != of:
        latents = encode(model, read_pictures())
        mean, scale = torch.zeros(latents.shape[1]), torch.ones(latents.shape[1])
        if not is_normalised:
            mean, scale = _statistics(model, latents)
        latents.sub_(mean.view(-1, 1, 1)).div_(scale.view(-1, 1, 1))
        kept = {"latents": latents.half(), "mean": mean, "scale": scale}  # half: a gigabyte less, of 120,000 pictures
        save_file(kept, cached, metadata={"of": of})
    stored = load_file(cached)
    normalise_latents(model, stored["mean"], stored["scale"])
    return model, stored["latents"]


def _statistics(model: AutoencoderKL, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and scale of each channel."""
    std = latents.std(dim=(0, 2, 3))
    few = latents[:: max(1, len(latents) // MEASURED_ON)][:MEASURED_ON]
    effect = channel_effect(model, few, std, torch.Generator().manual_seed(0))
    return latents.mean(dim=(0, 2, 3)), effect_scale(std, effect)


def _made_of(cached: Path) -> str:
    with safe_open(cached, framework="pt") as opened:
        made_of: str = (opened.metadata() or {}).get("of", "")
        return made_of

"""Between the stages: unit-variance latents folded into the autoencoder, and the whole data set encoded once."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor

from pretraining.autoencoder import STAGE, make_autoencoder
from pretraining.checkpoint import STAGES
from pretraining.pictures import read_pictures, to_unit


def normalise_latents(model: AutoencoderKL, mean: Tensor, std: Tensor) -> None:
    """Fold (z - mean) / std into the 1x1 convolutions around the latents, so that the scaling factor is 1.

    Args:
        model: Changed in place; decodes the new latents to the very same pictures.
        mean: Per-channel mean of the latents, shape (4,).
        std: Per-channel standard deviation, shape (4,).
    """
    with torch.no_grad():
        into, out = model.quant_conv, model.post_quant_conv
        into.weight[:4] /= std[:, None, None, None]
        into.bias[:4] = (into.bias[:4] - mean) / std
        into.bias[4:] -= 2 * std.log()  # the second half predicts log variances
        out.bias += out.weight[:, :, 0, 0] @ mean
        out.weight *= std[None, :, None, None]
    model.register_to_config(scaling_factor=1.0)


@torch.no_grad()
def encode(model: AutoencoderKL, pictures: Tensor, batch: int = 32) -> Tensor:
    """Return the mean latents of uint8 pictures, float32, shape (count, 4, 16, 16)."""
    parts = []
    for start in range(0, len(pictures), batch):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(model.encode(to_unit(pictures[start : start + batch])).latent_dist.mean.float())
    return torch.cat(parts).contiguous()


def load_autoencoder() -> AutoencoderKL:
    """Return the trained autoencoder with normalised latents."""
    model = make_autoencoder().eval().requires_grad_(False)
    model.load_state_dict(load_file(STAGES / STAGE / "vae.safetensors"))
    every_fifteenth = read_pictures()[::15]
    latents = encode(model, every_fifteenth)
    normalise_latents(model, latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3)))
    return model


def load_latents() -> tuple[AutoencoderKL, Tensor]:
    """Return the normalised autoencoder and the latents of the whole data set, encoded on first use."""
    model = load_autoencoder()
    cached = STAGES / "latents.safetensors"
    weights = STAGES / STAGE / "vae.safetensors"
    if not cached.exists() or cached.stat().st_mtime < weights.stat().st_mtime:
        save_file({"latents": encode(model, read_pictures())}, cached)
    return model, load_file(cached)["latents"]

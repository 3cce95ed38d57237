"""Between the stages: unit-variance latents folded into the autoencoder, and the whole data set encoded once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from pretraining.autoencoder import STAGE, make_autoencoder
from pretraining.checkpoint import STAGES
from pretraining.pictures import read_digest, read_pictures, to_unit
from pretraining.precision import half_where_quick


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
        with half_where_quick(torch.device("cpu")):
            parts.append(model.encode(to_unit(pictures[start : start + batch])).latent_dist.mean.float())
    return torch.cat(parts).contiguous()


def normalised_marker() -> Path:
    """Return the file that says, by being there, that the stage's autoencoder has normalised latents already.

    `pretraining.restore` makes it; the next save of the stage replaces its folder, and the marker is gone.
    """
    return STAGES / STAGE / "normalised"


def load_latents() -> tuple[AutoencoderKL, Tensor]:
    """Return the normalised autoencoder and the latents of the whole data set.

    Latents and their statistics are kept together and made anew only when data or autoencoder changed: the denoiser and
    the packaged autoencoder must agree on them. A restored autoencoder is left as it is, since the restored denoiser
    knows these latents.
    """
    model = make_autoencoder().eval().requires_grad_(False)
    weights, cached = STAGES / STAGE / "vae.safetensors", STAGES / "latents.safetensors"
    model.load_state_dict(load_file(weights))
    is_normalised = normalised_marker().exists()
    of = hashlib.sha256(read_digest().encode() + weights.read_bytes() + b"normalised" * is_normalised).hexdigest()
    if not cached.exists() or _made_of(cached) != of:
        latents = encode(model, read_pictures())
        mean, std = torch.zeros(4), torch.ones(4)
        if not is_normalised:
            mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
        normalised = ((latents - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)).contiguous()
        save_file({"latents": normalised, "mean": mean, "std": std}, cached, metadata={"of": of})
    stored = load_file(cached)
    normalise_latents(model, stored["mean"], stored["std"])
    return model, stored["latents"]


def _made_of(cached: Path) -> str:
    with safe_open(cached, framework="pt") as opened:
        made_of: str = (opened.metadata() or {}).get("of", "")
        return made_of

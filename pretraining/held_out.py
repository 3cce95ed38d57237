"""How well an autoencoder holds drawings by artists that it never saw: PSNR on the packs' held-out drawings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from impasto.data.images import read_picture, to_tensor
from pretraining.data.packs import PACKS, TITLES
from pretraining.precision import half_where_quick

FOLDER = "held_out"
BATCH = 32


def psnr(target: Tensor, drawn: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in dB of each picture in [-1, 1]; 4 is the square of its range."""
    return 10 * torch.log10(4 / (target - drawn).square().mean(dim=(1, 2, 3)))


def held_out_drawings() -> dict[str, Tensor]:
    """Return the held-out drawings of each shipped pack by its title, in [-1, 1], shape (count, 3, 128, 128)."""
    found = {}
    for pack, title in TITLES.items():
        paths = sorted((PACKS / pack / FOLDER).glob("*.png"))
        if paths:
            found[title] = torch.stack([to_tensor(read_picture(path).image) for path in paths])
    return found


class HeldOut:
    """The held-out drawings and their latents, encoded once: the encoder is frozen.

    Args:
        encoder: An autoencoder; only its encoder is asked.
        drawings: By title, in [-1, 1].
        device: Where decoders are.
    """

    def __init__(self, encoder: AutoencoderKL, drawings: Mapping[str, Tensor], device: torch.device) -> None:
        self._device, self._drawings = device, drawings
        self._latents = {title: self._encoded(encoder, each) for title, each in drawings.items()}

    @torch.no_grad()
    def _encoded(self, encoder: AutoencoderKL, pictures: Tensor) -> Tensor:
        with half_where_quick(self._device):
            parts = [encoder.encode(part.to(self._device)).latent_dist.mean for part in torch.split(pictures, BATCH)]
        return torch.cat(parts).float()

    @torch.no_grad()
    def measure(self, decoder: AutoencoderKL) -> dict[str, float]:
        """Return the mean PSNR of each pack in dB, as `decoder` draws its latents."""
        measured = {}
        for title, latents in self._latents.items():
            with half_where_quick(self._device):
                drawn = torch.cat([decoder.decode(part).sample for part in torch.split(latents, BATCH)])
            values = psnr(self._drawings[title], drawn.float().clamp(-1, 1).cpu())
            measured[title] = round(float(np.mean(values.numpy())), 2)
        return measured

"""Stage 1b: the decoder again, with the encoder frozen, made to forgive what the denoiser leaves behind.

Drawn latents are never quite clean, and a decoder that saw only clean ones turns the rest of the noise into blotches on
plain grounds. The latents stay what they are, so this can be done before or after the denoiser.
Minimises |x - D(E(x) + σε)| + |∇x - ∇D(E(x) + σε)| with σ drawn evenly from [0, `NOISE`],
on pictures with other palettes and outlines among them, as in stage 1.

Run: `python -m pretraining.decoder --minutes 12`; run it again to go on where it stopped.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import nn

from pretraining.augment import augmented
from pretraining.checkpoint import STAGES, load_stage
from pretraining.latents import load_latents
from pretraining.options import read_options
from pretraining.pictures import read_pictures, save_sheet, to_unit
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.sharpness import reconstruction_loss
from pretraining.stage import Stage

STAGE = "decoder"
NOISE = 0.3
"""Largest standard deviation of the noise; latents have unit variance."""


def decoding_part(vae: AutoencoderKL) -> nn.ModuleDict:
    """Return what decodes latents to pictures."""
    return nn.ModuleDict({"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})


def load_autoencoder() -> AutoencoderKL:
    """Return the trained autoencoder with normalised latents, and with this stage's decoder if there is one."""
    vae = load_latents()[0]
    load_stage(STAGE, {"decoder": decoding_part(vae)}, None)
    return vae


def main() -> None:
    """Train for a number of minutes on whole pictures."""
    chosen = read_options(__doc__ or "", minutes=12, batch=8, rate=6e-4)
    device = chosen.device
    pictures, vae = read_pictures(), load_latents()[0].to(device)
    part = decoding_part(vae).requires_grad_(True)
    optimizer = torch.optim.AdamW(part.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    rng = torch.Generator().manual_seed(0)
    stage = Stage(STAGE, {"decoder": part}, optimizer, Schedule.chosen(chosen), {"rng": rng})
    for _ in stage.steps():
        index = torch.randint(len(pictures), (chosen.batch,), generator=rng)
        x = augmented(to_unit(pictures[index].to(device)), rng)
        with torch.no_grad(), half_where_quick(device):
            x_0 = vae.encode(x).latent_dist.mean.float()
        spread = NOISE * torch.rand((chosen.batch, 1, 1, 1), generator=rng)
        noise = (spread * torch.randn(x_0.shape, generator=rng)).to(device)
        with half_where_quick(device):
            drawn = vae.decode(x_0 + noise).sample
        stage.learn(reconstruction_loss(x, drawn.float()))
        if stage.save_if_due(chosen.save_every):
            save_sheet([x, drawn.float().detach()], STAGES / "decoder.png")


if __name__ == "__main__":
    main()

"""Stage 1: the autoencoder (factor 8, 16 channels). Sharp lines matter more than texture here.

Some pictures have other colours or black outlines (`augment.py`): styles that come later may have both.
Minimises |d| + 0.5 d² + 2 |S d| + 1e-4 KL(q(z|x) || N(0, 1)), all of them means, where d = x - D(E(x)) and S is Sobel's
filter (`sharpness.py`).

Run: `python -m pretraining.autoencoder --minutes 20`; run it again to go on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pretraining.augment import augmented
from pretraining.checkpoint import STAGES
from pretraining.held_out import HeldOut, held_out_drawings
from pretraining.options import read_options
from pretraining.pictures import read_pictures, save_sheet, to_unit
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.sharpness import reconstruction_loss
from pretraining.stage import Stage

STAGE = "autoencoder"
CHANNELS = 16
"""Of the latents. With 4, half of the fine detail is lost, and nothing that comes after can bring it back."""

WIDTHS = (32, 32, 64, 96)
"""Channels at full size, half, a quarter and an eighth."""

KL_WEIGHT = 1e-4
WHOLE_FROM = 0.7
"""From this part of the training on, whole pictures are shown: group norms then see the statistics of use."""


def make_autoencoder(full_size_width: int = WIDTHS[0]) -> AutoencoderKL:
    """Return the untrained autoencoder.

    Args:
        full_size_width: Channels at full size; more of them after `widen.py`.
    """
    made: AutoencoderKL = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(full_size_width, *WIDTHS[1:]),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=128,
    )
    return made


def width_of(weights: Mapping[str, Tensor]) -> int:
    """Return how many channels saved weights of an autoencoder have at full size."""
    return len(weights["encoder.conv_in.weight"])


def random_crops(pictures: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """Return one square crop of `side` pixels of every picture; the crop's place is the same for the whole batch."""
    top, left = (int(torch.randint(pictures.shape[2] - side + 1, (), generator=rng)) for _ in range(2))
    return pictures[:, :, top : top + side, left : left + side]


def main() -> None:
    """Train for a number of minutes, on crops first (four times the steps), then on whole pictures."""
    chosen = read_options(__doc__ or "", minutes=30, batch=16, rate=1.2e-3)
    device = chosen.device
    pictures, model = read_pictures(), make_autoencoder().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.0)
    rng = torch.Generator().manual_seed(0)
    stage = Stage(STAGE, {"vae": model}, optimizer, Schedule.chosen(chosen), {"rng": rng})
    drawings = held_out_drawings()

    def report() -> None:
        model.eval()
        measured = HeldOut(model, drawings, device).measure(model)
        model.train()
        print("  ".join(f"{title}: {value} dB" for title, value in measured.items()), flush=True)
        stage.record({"psnr_db": measured})

    for progress in stage.steps():
        x = to_unit(pictures[torch.randint(len(pictures), (chosen.batch,), generator=rng)].to(device))
        if progress < WHOLE_FROM:
            x = random_crops(x, 64, rng)
        x = augmented(x, rng)
        with half_where_quick(device):
            posterior = model.encode(x).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=rng).to(device)
            drawn = model.decode(posterior.mean + posterior.std * noise).sample
        kl = 0.5 * (posterior.mean.float() ** 2 + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        stage.learn(reconstruction_loss(x, drawn.float()) + KL_WEIGHT * kl, chosen.batch)
        if stage.save_if_due(chosen.save_every):
            report()
            save_sheet([x.cpu(), drawn.float().detach().cpu()], STAGES / "autoencoder.png")
    report()


if __name__ == "__main__":
    main()

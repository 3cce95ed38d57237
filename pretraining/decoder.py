"""Stage 1b: the decoder again, with the encoder frozen: sharper edges, and some noise of the denoiser forgiven.

The latents stay what they are, so this can be done before or after the denoiser, and as often as it helps. Part of the
latents are clean; the others have a little noise, as the denoiser leaves it: a decoder that saw only clean ones turns
the rest of the noise into blotches on plain backgrounds, one that saw only noised ones draws softly.
Minimises |d| + squared d² + edge |S d|, means, where d = x - D(E(x) + σε) and S is Sobel's filter, with σ = 0 or drawn
evenly from [0, noise], on pictures with other palettes and outlines among them, as in stage 1. With `--redrawn` a share
of these latents is then noised more and drawn again by the denoiser (`redrawn.py`).

`--widen` doubles the channels at full size without changing the function (`widen.py`), once; later runs go on with it.

Run: `python -m pretraining.decoder --minutes 30`; run it again to go on where it stopped.
"""

from __future__ import annotations

import argparse
import copy

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor, nn

from pretraining.augment import augmented
from pretraining.autoencoder import WHOLE_FROM, WIDTHS, random_crops, width_of
from pretraining.checkpoint import STAGES, load_stage, write_weights
from pretraining.denoiser import average, make_optimizer
from pretraining.held_out import HeldOut, held_out_drawings
from pretraining.latents import load_latents, load_normalised
from pretraining.options import stage_options
from pretraining.pictures import read_pictures, save_sheet, to_unit
from pretraining.precision import half_where_quick
from pretraining.redrawn import STRIDE, Redrawing, read_redrawing
from pretraining.schedule import Schedule
from pretraining.sharpness import EDGES, SQUARED, reconstruction_loss
from pretraining.stage import Stage
from pretraining.widen import widened

STAGE = "decoder"
DECAY = 0.998
"""Of the averaged weights."""


def decoding_part(vae: AutoencoderKL) -> nn.ModuleDict:
    """Return what decodes latents to pictures."""
    assert vae.post_quant_conv is not None
    return nn.ModuleDict({"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})


def is_saved_wider(vae: AutoencoderKL) -> bool:
    """Return whether this stage's saved decoder has more channels at full size than `vae`."""
    saved = STAGES / STAGE / "ema.safetensors"
    return saved.exists() and len(load_file(saved)["decoder.conv_norm_out.weight"]) > width_of(vae.state_dict())


def load_autoencoder(vae: AutoencoderKL | None = None) -> AutoencoderKL:
    """Return the trained autoencoder with normalised latents, and with this stage's decoder if there is one.

    Args:
        vae: The first stage's, with normalised latents; read where None.
    """
    vae = vae or load_normalised()
    if is_saved_wider(vae):
        vae = widened(vae, torch.Generator().manual_seed(0))
    load_stage(STAGE, {"ema": decoding_part(vae)}, None)
    return vae


def widen_saved(vae: AutoencoderKL) -> None:
    """Put the widened decoder in the place of the saved one; moments of its optimiser do not fit it and are gone.

    Args:
        vae: The first stage's, with normalised latents.
    """
    counters = load_stage(STAGE, {}, None)
    wide = decoding_part(widened(load_autoencoder(vae), torch.Generator().manual_seed(0)))
    write_weights(STAGE, {"decoder": wide, "ema": wide}, counters)


def noised(latents: Tensor, share: float, most: float, rng: torch.Generator) -> Tensor:
    """Return latents of which about `share` have noise of a standard deviation up to `most`, each its own."""
    shape = (len(latents), 1, 1, 1)
    spread = most * torch.rand(shape, generator=rng) * (torch.rand(shape, generator=rng) < share)
    return latents + (spread * torch.randn(latents.shape, generator=rng)).to(latents.device)


def partly_redrawn(latents: Tensor, redrawing: Redrawing, share: float, deepest: int, rng: torch.Generator) -> Tensor:
    """Return latents of which the first `share` are drawn again, all by the same number of steps up to `deepest`."""
    count = round(share * len(latents))
    steps = int(torch.randint(1, deepest + 1, (), generator=rng))
    return torch.cat([redrawing(latents[:count], steps, rng), latents[count:]])


def read_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = stage_options(__doc__ or "", minutes=30, batch=16, rate=6e-4)
    parser.add_argument("--crop", type=int, default=0, help="side of crops in the first 70 %% of the run; 0: whole")
    parser.add_argument("--noisy", type=float, default=0.5, help="share of latents that have noise")
    parser.add_argument("--noise", type=float, default=0.15, help="its largest standard deviation")
    parser.add_argument("--redrawn", type=float, default=0.0, help="share of latents that the denoiser draws again")
    parser.add_argument("--deepest", type=int, default=6, help=f"steps of {STRIDE} noise levels that it draws at most")
    parser.add_argument("--squared", type=float, default=SQUARED, help="weight of the squared error: PSNR")
    parser.add_argument("--edge", type=float, default=EDGES, help="weight of the error of edges")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="adamw")
    parser.add_argument("--widen", action="store_true", help="double the channels at full size, unless it was done")
    return parser.parse_args()


def main() -> None:
    """Train for a number of minutes; measure held-out drawings at every save."""
    chosen = read_arguments()
    device = chosen.device
    pictures, encoder = read_pictures(), load_latents()[0]
    if chosen.widen and width_of(encoder.state_dict()) == WIDTHS[0] and not is_saved_wider(encoder):
        widen_saved(encoder)
    vae = load_autoencoder(encoder).to(device)
    shadow = copy.deepcopy(vae).requires_grad_(False)
    encoder = encoder.to(device)
    held_out = HeldOut(encoder, held_out_drawings(), device)
    part = decoding_part(vae).requires_grad_(True)
    optimizer = make_optimizer(part, chosen.optimizer, chosen.rate, weight_decay=0.0)
    redrawing = read_redrawing(device) if chosen.redrawn else None
    rng = torch.Generator().manual_seed(0)
    modules = {"decoder": part, "ema": decoding_part(shadow)}
    stage = Stage(STAGE, modules, optimizer, Schedule.chosen(chosen), {"rng": rng})

    def report() -> None:
        measured = held_out.measure(shadow)
        print("  ".join(f"{title}: {value} dB" for title, value in measured.items()), flush=True)
        stage.record({"psnr_db": measured})

    for progress in stage.steps():
        x = to_unit(pictures[torch.randint(len(pictures), (chosen.batch,), generator=rng)].to(device))
        if chosen.crop and progress < WHOLE_FROM:
            x = random_crops(x, chosen.crop, rng)
        x = augmented(x, rng)
        with torch.no_grad(), half_where_quick(device):
            x_0 = encoder.encode(x).latent_dist.mean.float()
        shown = noised(x_0, chosen.noisy, chosen.noise, rng)
        if redrawing:
            shown = partly_redrawn(shown, redrawing, chosen.redrawn, chosen.deepest, rng)
        with half_where_quick(device):
            drawn = vae.decode(shown).sample.float()
        stage.learn(reconstruction_loss(x, drawn, squared=chosen.squared, edge=chosen.edge), chosen.batch)
        average(modules["ema"], part, stage.step, DECAY)
        if stage.save_if_due(chosen.save_every):
            report()
            save_sheet([x.cpu(), drawn.detach().cpu()], STAGES / "decoder.png")
    report()


if __name__ == "__main__":
    main()

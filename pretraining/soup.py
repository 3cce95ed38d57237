"""The decoder part of the way from the autoencoder's own to the one that went on learning: better than either.

Weights that were trained on from the same start can be averaged (model soups, arXiv 2203.05482). Here one end holds
clean latents best, the other mends what the denoiser leaves; their average does both. Measures held-out drawings at
every share that is tried; `--keep` writes the decoder at one share into the place of the trained one.

Run: `python -m pretraining.soup`, then `python -m pretraining.soup --keep 0.6`
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from pretraining.checkpoint import load_stage, write_weights
from pretraining.decoder import STAGE, decoding_part, is_saved_wider, load_autoencoder
from pretraining.held_out import HeldOut, held_out_drawings
from pretraining.latents import load_normalised
from pretraining.widen import widened

SHARES = (0.0, 0.3, 0.6, 1.0)


def between(start: dict[str, Tensor], end: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return start + share · (end - start), weight by weight.

    Args:
        start: Of share 0.
        end: Of share 1; the same names and shapes.
        share: From 0 to 1.
    """
    return {name: torch.lerp(start[name], end[name], share) for name in start}


def main() -> None:
    """Measure shares, or keep one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=float, help="write the decoder at this share; 0 is the start, 1 what was learnt")
    keep: float | None = parser.parse_args().keep
    vae = load_normalised()
    held_out = HeldOut(vae, held_out_drawings(), torch.device("cpu"))
    start = widened(vae, torch.Generator().manual_seed(0)) if is_saved_wider(vae) else vae
    first = {name: value.clone() for name, value in decoding_part(start).state_dict().items()}
    mixed = load_autoencoder()
    last = {name: value.clone() for name, value in decoding_part(mixed).state_dict().items()}
    for share in SHARES if keep is None else (keep,):
        decoding_part(mixed).load_state_dict(between(first, last, share))
        print(f"{share}  " + "  ".join(f"{title}: {value} dB" for title, value in held_out.measure(mixed).items()))
    if keep is not None:
        part = decoding_part(mixed)
        write_weights(STAGE, {"decoder": part, "ema": part}, load_stage(STAGE, {}, None))


if __name__ == "__main__":
    main()

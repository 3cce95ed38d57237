"""At which noise levels detail is lost: one step of the denoiser from each level, decoded.

Renders in their artists' own styles are noised to a level, x_0 is predicted once with the right caption, decoded, and
compared with what the autoencoder makes of the same render without noise.

Run: `python -m pretraining.level_check`, or with `--base FOLDER`
"""

from __future__ import annotations

import argparse

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline

from impasto.models.source import find_base
from pretraining.fresh import FRESH, read_fresh
from pretraining.held_out import psnr
from pretraining.package import NOISE_LEVELS

LEVELS = (10, 25, 50, 100, 200, 300, 500, 700)
RENDERS = 24


@torch.no_grad()
def main() -> None:
    """Print a line for each level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="pocket", help="pocket, or a diffusers folder")
    pipe = StableDiffusionXLPipeline.from_pretrained(find_base(parser.parse_args().base).location, dtype=torch.float32)
    renders, rows = read_fresh(FRESH)
    plain = [place for place, row in enumerate(rows) if not row["style"]]
    shown = plain[:: max(1, len(plain) // RENDERS)][:RENDERS]
    x_0 = pipe.vae.encode(renders[shown].float() / 127.5 - 1).latent_dist.mode()
    clean = pipe.vae.decode(x_0).sample.clamp(-1, 1)
    captions = [rows[place]["caption_0"] for place in shown]
    states, _, pooled, _ = pipe.encode_prompt(
        captions,  # type: ignore[arg-type]  # of several prompts, too
        device=torch.device("cpu"),
        do_classifier_free_guidance=False,
    )
    added = {"text_embeds": pooled, "time_ids": torch.tensor([[128.0, 128, 0, 0, 128, 128]]).expand(len(shown), 6)}
    rng = torch.Generator().manual_seed(0)
    for level in LEVELS:
        alpha_bar = DDPMScheduler(**NOISE_LEVELS).alphas_cumprod[level]
        signal, noise = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        x_t = signal * x_0 + noise * torch.randn(x_0.shape, generator=rng)
        v = pipe.unet(x_t, torch.tensor(level), states, added_cond_kwargs=added).sample
        drawn = (pipe.vae.decode(z).sample.clamp(-1, 1) for z in (x_t / signal, signal * x_t - noise * v))
        noised, denoised = (float(psnr(clean, each).mean()) for each in drawn)
        print(f"t = {level:3}  noised {noised:.1f} dB  denoised {denoised:.1f} dB", flush=True)


if __name__ == "__main__":
    main()

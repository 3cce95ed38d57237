"""Put the trained parts together as a stock `StableDiffusionXLPipeline`, and write it into the package.

Run: `python -m pretraining.package`
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPImageProcessor, CLIPTokenizer

from pretraining.towers import Towers

PACKAGED = Path("src/impasto/pocket/model")
NOISE_LEVELS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
"""SDXL's noise levels, rescaled to zero terminal signal-to-noise ratio, for training and for drawing."""


def sampling_levels() -> DPMSolverMultistepScheduler:
    """Return the sampler that pocket ships with: DPM-Solver++ (2M) on its training schedule."""
    return DPMSolverMultistepScheduler(**NOISE_LEVELS)


def assemble(
    vae: AutoencoderKL, towers: Towers, tokenizer: CLIPTokenizer, unet: UNet2DConditionModel
) -> StableDiffusionXLPipeline:
    """Return pocket as a pipeline."""
    features = CLIPImageProcessor(
        size={"shortest_edge": 128}, crop_size={"height": 128, "width": 128}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=towers.text_encoder,
        text_encoder_2=towers.text_encoder_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=sampling_levels(),
        image_encoder=towers.image_encoder,
        feature_extractor=features,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def main() -> None:
    """Write pocket into the package in half precision, staged beside what is there."""
    from pretraining.checkpoint import load_stage  # the stages import `assemble` from here
    from pretraining.denoiser import STAGE, make_denoiser
    from pretraining.latents import load_autoencoder
    from pretraining.towers import load_tokenizer

    tokenizer = load_tokenizer()
    towers, unet = Towers(tokenizer), make_denoiser()
    load_stage("towers", {"towers": towers}, None)
    load_stage(STAGE, {"ema": unet}, None)
    pipe = assemble(load_autoencoder(), towers, tokenizer, unet).to(torch.float16)
    staging = PACKAGED.with_name(".model.new")
    shutil.rmtree(staging, ignore_errors=True)
    pipe.save_pretrained(staging, safe_serialization=True)
    shutil.rmtree(PACKAGED, ignore_errors=True)  # a folder cannot be renamed onto another
    staging.rename(PACKAGED)
    size = sum(path.stat().st_size for path in PACKAGED.rglob("*") if path.is_file())
    print(f"{PACKAGED}  {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()

"""Put the trained parts together as a stock `StableDiffusionXLPipeline`, and write it into the package.

Run: `python -m pretraining.package`
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPImageProcessor, CLIPTokenizer

from impasto.models.roles import ROLES_FILE
from pretraining.towers import Towers

PACKAGED = Path("src/impasto/pocket/model")
LIMIT = 75_000_000
"""Bytes that all of pocket may have: model and packs."""

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
    levels: DPMSolverMultistepScheduler = DPMSolverMultistepScheduler(**NOISE_LEVELS)
    return levels


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
        scheduler=sampling_levels(),  # type: ignore[arg-type]  # an enumeration of names, says diffusers
        image_encoder=towers.image_encoder,
        feature_extractor=features,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def trained_base() -> StableDiffusionXLPipeline:
    """Return the trained base in half precision."""
    from pretraining.checkpoint import load_stage  # the stages import `assemble` from here
    from pretraining.decoder import load_autoencoder
    from pretraining.denoiser import STAGE, make_denoiser
    from pretraining.towers import load_tokenizer

    tokenizer = load_tokenizer()
    towers, unet = Towers(tokenizer), make_denoiser()
    load_stage("towers", {"towers": towers}, None)
    load_stage(STAGE, {"ema": unet}, None)
    return assemble(load_autoencoder(), towers, tokenizer, unet).to(torch.float16)


def ask_for_single_precision(folder: Path) -> None:
    """State float32 in the configurations of the encoders below `folder`.

    transformers loads what a configuration states, or what the file holds; diffusers loads its own parts in float32.
    A pipeline opened without a dtype would have both, and refuse to draw.
    """
    for path in folder.glob("*/config.json"):
        config = json.loads(path.read_text("utf-8"))
        if "dtype" in config:
            path.write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n", "utf-8")


def write_parts(pipe: StableDiffusionXLPipeline, folder: Path) -> list[str]:
    """Write what was trained beside the base, in half precision.

    Args:
        pipe: The base; its UNet is used up: the image prompt adapter is put into it.
        folder: Of the model.

    Returns:
        The stages that are not trained yet.
    """
    from pretraining import controlnet, image_prompt
    from pretraining.checkpoint import load_stage

    missing = []
    control = controlnet.make_controlnet(pipe.unet)
    if load_stage(controlnet.STAGE, {"controlnet": control}, None):
        control.to(torch.float16)  # type: ignore[arg-type]  # diffusers wraps to() without its self
        control.save_pretrained(folder / controlnet.FOLDER, safe_serialization=True)
    else:
        missing.append(controlnet.STAGE)
    assert pipe.image_encoder is not None
    width = pipe.image_encoder.config.hidden_size
    adapter = image_prompt.attach_image_prompt(pipe.unet, width, device=torch.device("cpu"))
    if load_stage(image_prompt.STAGE, {"adapter": adapter}, None):
        image_prompt.write_checkpoint(adapter, folder)
    else:
        missing.append(image_prompt.STAGE)
    return missing


def keep_roles(staging: Path, packaged: Path) -> None:
    """Take over the measured roles of blocks if the UNet is still the one that they were measured on."""
    unet, roles = Path("unet") / "diffusion_pytorch_model.safetensors", packaged / ROLES_FILE
    if roles.exists() and (staging / unet).read_bytes() == (packaged / unet).read_bytes():
        shutil.copy(roles, staging / ROLES_FILE)


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each part of `folder`: of each folder and each file in it."""
    return {
        part.name: sum(path.stat().st_size for path in (part, *part.rglob("*")) if path.is_file())
        for part in sorted(folder.iterdir())
    }


def refuse_too_large(model: Path, beside: Path) -> int:
    """Return the bytes of the new `model` and of all that is `beside` the one that it replaces.

    Raises:
        SystemExit: They are more than `LIMIT`.
    """
    others = {name: size for name, size in sizes(beside).items() if name not in {PACKAGED.name, model.name}}
    total = sum(sizes(model).values()) + sum(others.values())
    if total > LIMIT:
        raise SystemExit(
            f"pocket would have {total / 1e6:.1f} MB, more than the {LIMIT / 1e6:.0f} MB that the package may have: "
            f"nothing was replaced, the new model is in {model}"
        )
    return total


def main() -> None:
    """Write pocket into the package in half precision, staged beside what is there."""
    staging = PACKAGED.with_name(".model.new")
    shutil.rmtree(staging, ignore_errors=True)
    pipe = trained_base()
    pipe.save_pretrained(staging, safe_serialization=True)
    ask_for_single_precision(staging)
    missing = write_parts(pipe, staging)
    keep_roles(staging, PACKAGED)
    total = refuse_too_large(staging, PACKAGED.parent)
    shutil.rmtree(PACKAGED, ignore_errors=True)  # a folder cannot be renamed onto another
    staging.rename(PACKAGED)
    for name, size in sizes(PACKAGED).items():
        print(f"{name:20} {size / 1e6:6.2f} MB")
    for stage in missing:
        print(f"{stage:20} not trained yet")
    print(f"{PACKAGED.parent}  {total / 1e6:.1f} MB of {LIMIT / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

"""Make the stages' folders again from the packaged model, so that training can go on from published weights.

Moments of the optimisers are not published: the first steps after a restore are a little rougher. The published
autoencoder has its latents normalised already, and is not normalised again on the data set that is built here: the
published denoiser knows these latents.

Run: `python -m pretraining.restore`, then any stage with `--minutes`.
"""

from __future__ import annotations

import json
import shutil

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from pretraining import controlnet, image_prompt
from pretraining.checkpoint import FORMER, STAGES
from pretraining.latents import normalised_marker
from pretraining.package import PACKAGED
from pretraining.towers import Towers


def write_stage(stage: str, modules: dict[str, nn.Module]) -> None:
    """Write the weights of one stage, with no time spent yet."""
    folder = STAGES / stage
    folder.mkdir(parents=True)
    for name, module in modules.items():
        state = {key: value.float().contiguous() for key, value in module.state_dict().items()}
        save_file(state, folder / f"{name}.safetensors")
    (folder / "counters.json").write_text(json.dumps({"step": 0, "seconds": 0}), "utf-8")


def packaged_towers() -> Towers:
    """Return the published encoders; temperature and first projection start anew, they are not published."""
    towers = Towers(CLIPTokenizer.from_pretrained(PACKAGED / "tokenizer"))
    classes = {
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
        "image_encoder": CLIPVisionModelWithProjection,
    }
    for name, kind in classes.items():
        setattr(towers, name, kind.from_pretrained(PACKAGED / name, dtype=torch.float32))
    return towers


def restore_parts(unet: UNet2DConditionModel) -> None:
    """Restore what is published beside the base; `unet` is used up."""
    if (PACKAGED / controlnet.FOLDER).exists():
        control = ControlNetModel.from_pretrained(PACKAGED / controlnet.FOLDER, torch_dtype=torch.float32)
        write_stage(controlnet.STAGE, {"controlnet": control})
    if (PACKAGED / image_prompt.FOLDER).exists():
        width = packaged_towers().image_encoder.config.hidden_size
        adapter = image_prompt.attach_image_prompt(unet, width, device=torch.device("cpu"))
        image_prompt.read_checkpoint(adapter, PACKAGED)
        write_stage(image_prompt.STAGE, {"adapter": adapter})


def main() -> None:
    """Restore all stages that are published; refuses to replace any that exists."""
    stages = ("autoencoder", "towers", "denoiser", controlnet.STAGE, image_prompt.STAGE)
    existing = [name for name in stages if (STAGES / name).exists()]
    if existing:
        raise SystemExit(f"{STAGES / existing[0]} exists: remove it first if it is not needed")
    shutil.copytree(PACKAGED / "tokenizer", STAGES / "tokenizer", dirs_exist_ok=True)
    write_stage("autoencoder", {"vae": AutoencoderKL.from_pretrained(PACKAGED / "vae")})
    normalised_marker().touch()
    write_stage("towers", {"towers": packaged_towers()})
    unet = UNet2DConditionModel.from_pretrained(PACKAGED / "unet")
    write_stage("denoiser", {"unet": unet, "ema": unet})
    restore_parts(unet)
    if (PACKAGED / "measured.json").is_file():
        shutil.copy(PACKAGED / "measured.json", FORMER)  # counters begin at 0 here; the card adds what was before
    print(f"restored {', '.join(sorted(path.name for path in STAGES.iterdir()))}")


if __name__ == "__main__":
    main()

"""Make the stages' folders again from the packaged model, so that training can go on from published weights.

Moments of the optimisers are not published: the first steps after a restore are a little rougher. The published
autoencoder has its latents normalised already; normalising it again changes next to nothing.

Run: `python -m pretraining.restore`, then any stage with `--minutes`.
"""

from __future__ import annotations

import json
import shutil

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from pretraining.checkpoint import FORMER, STAGES
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


def main() -> None:
    """Restore all three stages; refuses to replace any that exists."""
    existing = [name for name in ("autoencoder", "towers", "denoiser") if (STAGES / name).exists()]
    if existing:
        raise SystemExit(f"{STAGES / existing[0]} exists: remove it first if it is not needed")
    shutil.copytree(PACKAGED / "tokenizer", STAGES / "tokenizer", dirs_exist_ok=True)
    write_stage("autoencoder", {"vae": AutoencoderKL.from_pretrained(PACKAGED / "vae")})
    write_stage("towers", {"towers": packaged_towers()})
    unet = UNet2DConditionModel.from_pretrained(PACKAGED / "unet")
    write_stage("denoiser", {"unet": unet, "ema": unet})
    if (PACKAGED / "measured.json").is_file():
        shutil.copy(PACKAGED / "measured.json", FORMER)  # counters begin at 0 here; the card adds what was before
    print(f"restored {', '.join(sorted(path.name for path in STAGES.iterdir()))}")


if __name__ == "__main__":
    main()

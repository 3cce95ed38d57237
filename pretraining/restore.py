"""Make the stages' folders again from a diffusers folder, so that training can go on from published weights.

Moments of the optimisers are not published: the first steps after a restore are a little rougher. The published
autoencoder has its latents normalised already, and is not normalised again on the data set that is built here: the
published denoiser knows these latents. Image prompt adapter and ControlNet are restored where the folder has them.

Run: `python -m pretraining.restore` (the packaged model) or `--from FOLDER`, then any stage with `--minutes`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPPreTrainedModel,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from pretraining import controlnet, image_prompt
from pretraining.autoencoder import make_autoencoder, width_of
from pretraining.checkpoint import FORMER, STAGES, write_weights
from pretraining.denoiser import make_denoiser
from pretraining.latents import normalised_marker
from pretraining.package import PACKAGED
from pretraining.towers import Towers


def read_towers(folder: Path) -> Towers:
    """Return the published encoders; temperature and first projection start anew, they are not published."""
    towers = Towers(CLIPTokenizer.from_pretrained(folder / "tokenizer"))
    classes: dict[str, type[CLIPPreTrainedModel]] = {
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
        "image_encoder": CLIPVisionModelWithProjection,
    }
    for name, kind in classes.items():
        setattr(towers, name, kind.from_pretrained(folder / name, dtype=torch.float32))
    return towers


def refuse_other_shapes(found: nn.Module, stage: nn.Module, part: Path) -> None:
    """Refuse weights that the stage could not load.

    Args:
        found: What was read from `part`.
        stage: What the stage trains.
        part: Folder, for the message.

    Raises:
        SystemExit: A weight is missing, too many or of another shape.
    """
    wanted = {name: tuple(value.shape) for name, value in stage.state_dict().items()}
    shapes = {name: tuple(value.shape) for name, value in found.state_dict().items()}
    for name in sorted(wanted.keys() | shapes.keys()):
        if wanted.get(name) != shapes.get(name):
            raise SystemExit(
                f"{part}: {name} has shape {shapes.get(name)}, the stage needs {wanted.get(name)}: restore from a "
                "folder that these stages wrote, with --from FOLDER"
            )


def restore_parts(folder: Path, unet: UNet2DConditionModel) -> None:
    """Restore what `folder` has beside the base; `unet` is used up."""
    if (folder / controlnet.FOLDER).exists():
        control = ControlNetModel.from_pretrained(folder / controlnet.FOLDER, torch_dtype=torch.float32)
        refuse_other_shapes(control, controlnet.make_controlnet(make_denoiser()), folder / controlnet.FOLDER)
        write_weights(controlnet.STAGE, {"controlnet": control})
    if (folder / image_prompt.FOLDER).exists():
        width = read_towers(folder).image_encoder.config.hidden_size
        adapter = image_prompt.attach_image_prompt(unet, width, device=torch.device("cpu"))
        image_prompt.read_checkpoint(adapter, folder)
        write_weights(image_prompt.STAGE, {"adapter": adapter})


def restore(folder: Path) -> None:
    """Restore all stages that the diffusers folder `folder` has; refuses to replace any that exists."""
    stages = ("autoencoder", "towers", "denoiser", "decoder", controlnet.STAGE, image_prompt.STAGE)
    existing = [name for name in stages if (STAGES / name).exists()]
    if existing:
        raise SystemExit(f"{STAGES / existing[0]} exists: remove it first if it is not needed")
    vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    refuse_other_shapes(vae, make_autoencoder(width_of(vae.state_dict())), folder / "vae")
    refuse_other_shapes(unet, make_denoiser(), folder / "unet")
    shutil.copytree(folder / "tokenizer", STAGES / "tokenizer", dirs_exist_ok=True)
    write_weights("autoencoder", {"vae": vae})
    normalised_marker().touch()
    write_weights("towers", {"towers": read_towers(folder)})
    write_weights("denoiser", {"unet": unet, "ema": unet})
    restore_parts(folder, unet)
    if (folder / "measured.json").is_file():
        shutil.copy(folder / "measured.json", FORMER)  # counters begin at 0 here; the card adds what was before


def main() -> None:
    """Restore and say what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, default=PACKAGED, help="diffusers folder")
    restore(parser.parse_args().folder)
    print(f"restored {', '.join(sorted(path.name for path in STAGES.iterdir()))}")


if __name__ == "__main__":
    main()

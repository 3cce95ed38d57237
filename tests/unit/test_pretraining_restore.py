"""Restoring: what a diffusers folder has comes back as the state of every stage, and the stages can load it."""

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from pretraining import checkpoint, latents, package, restore, towers
from pretraining.autoencoder import make_autoencoder
from pretraining.checkpoint import load_stage
from pretraining.denoiser import make_denoiser
from pretraining.package import assemble
from pretraining.tokenizer import train_tokenizer
from pretraining.towers import Towers
from torch import nn


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (checkpoint, latents, restore, towers):
        monkeypatch.setattr(module, "STAGES", tmp_path / "stages")
    return tmp_path / "stages"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = train_tokenizer(["a fox on a green background"] * 3, merges=20)
    pipe = assemble(make_autoencoder(), Towers(tokenizer), tokenizer, make_denoiser())
    pipe.to(torch.float16).save_pretrained(tmp_path / "model", safe_serialization=True)
    return tmp_path / "model"


def same(found: nn.Module, saved: nn.Module) -> bool:
    pairs = zip(found.state_dict().values(), saved.state_dict().values(), strict=True)
    return all(torch.equal(one, other.float()) for one, other in pairs)


def test_every_stage_gets_its_weights(folder: Path, stages: Path) -> None:
    restore.restore(folder)
    saved = StableDiffusionXLPipeline.from_pretrained(folder)
    unet, shadow, vae = make_denoiser(), make_denoiser(), make_autoencoder()
    assert load_stage("denoiser", {"unet": unet, "ema": shadow}, None) == {"step": 0, "seconds": 0}
    load_stage("autoencoder", {"vae": vae}, None)
    encoders = Towers(towers.load_tokenizer())
    load_stage("towers", {"towers": encoders}, None)
    assert same(unet, saved.unet)
    assert same(shadow, saved.unet)
    assert same(vae, saved.vae)
    assert same(encoders.text_encoder, saved.text_encoder)
    assert latents.normalised_marker().exists()
    assert not (stages / "controlnet").exists()  # left untrained where the folder has none
    with pytest.raises(SystemExit, match="exists: remove it first"):
        restore.restore(folder)


def test_weights_of_another_shape_are_refused(folder: Path, stages: Path) -> None:
    other = make_denoiser()
    other.conv_in = nn.Conv2d(4, 128, 3, padding=1)
    other.register_to_config(in_channels=4)
    other.save_pretrained(folder / "unet")
    with pytest.raises(SystemExit, match=r"conv_in\.weight has shape"):
        restore.restore(folder)
    assert not stages.exists()


def test_limit_of_the_package() -> None:
    assert package.LIMIT == 75_000_000

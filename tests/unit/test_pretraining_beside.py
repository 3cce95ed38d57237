"""What is trained beside the frozen base: its batches, the image prompt adapter and the ControlNet."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from pretraining import controlnet, frozen, image_prompt
from pretraining.checkpoint import write_weights
from pretraining.controlnet import make_controlnet
from pretraining.frozen import read_base
from pretraining.pictures import read_rows
from pretraining.towers import load_tokenizer, tokenize
from tests.pocket_stages import small_denoiser, write_built, write_first_stages

CPU = torch.device("cpu")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_built(6)
    write_first_stages()
    monkeypatch.setattr(frozen, "make_denoiser", small_denoiser)
    write_weights("denoiser", {"ema": small_denoiser()})
    for module in (controlnet, image_prompt):
        monkeypatch.setattr(module, "draw_sheet", lambda *_: None)
    return tmp_path


def test_controlnet_takes_over_scale_and_shift() -> None:
    unet = small_denoiser()
    control = make_controlnet(unet)
    name = "down_blocks.0.resnets.0.time_emb_proj.weight"
    assert torch.equal(control.state_dict()[name], unet.state_dict()[name])
    assert len(control.state_dict()[name]) == 2 * 32  # a scale and a shift for each channel


def test_batches_of_the_frozen_base_are_what_the_denoiser_is_shown(workplace: Path) -> None:
    base, rows = read_base(CPU), read_rows()
    batch = base.draw(8, torch.Generator().manual_seed(0), worded=1.0)
    assert batch.states.shape == (8, 77, 256)
    assert batch.x_t.shape == batch.v.shape == (8, 16, 16, 16)
    level = batch.alpha_bar.view(-1, 1, 1, 1)
    x_0 = level.sqrt() * batch.x_t - (1 - level).sqrt() * batch.v  # the signal in v and x_t
    torch.testing.assert_close(x_0, base.latents[batch.index].float(), rtol=1e-3, atol=1e-3)
    captions = [rows[place]["caption_0"] for place in range(len(rows))]
    assert torch.equal(base.ids[0].long(), tokenize(load_tokenizer(), captions))


@pytest.mark.parametrize("module", [image_prompt, controlnet])
def test_stages_beside_the_base_train_and_go_on(
    module: ModuleType, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for steps in (2, 3):
        monkeypatch.setattr("sys.argv", ["stage", "--steps", str(steps), "--batch", "2", "--save-every", "9"])
        module.main()
    line = json.loads(Path(f"pretraining/stages/{module.STAGE}-log.jsonl").read_text().splitlines()[-1])
    assert (line["step"], line["pictures"]) == (3, 6)

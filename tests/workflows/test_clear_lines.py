"""What is given by mistake, or for another tool, is called what it is, in one line."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from conftest import write_pictures
from impasto.cli.main import main
from impasto.core.errors import ConfigError, StyleFileError
from impasto.data.images import list_pictures
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.image_prompts.adapter_file import read_adapter_file
from impasto.methods.lora import LoRA
from impasto.methods.styleforge import StyleForge
from impasto.models.open import open_base
from impasto.models.samplers import check_steps
from impasto.style.attach import attached
from impasto.style.file import load_style
from impasto.training.dataset import gather
from impasto.training.options import TrainOptions

TO_Q = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
MATRIX = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (f"base_model.model.{TO_Q}.lora_A.weight", "as PEFT itself saves adapters"),
        (f"unet.{TO_Q}.lora_A.default.weight", "as PEFT itself saves adapters"),
        ("bundle_emb.fox.string_to_param.*", "a learnt word bundled with a LoRA"),
        ("lora_unet_mid_block_attentions_0.hada_w1_a", "part of a LoHa"),
        ("lora_unet_mid_block_attentions_0.lokr_w1", "part of a LoKr"),
        (f"unet.{TO_Q}.dora_scale", "part of a DoRA"),
        (f"unet.{TO_Q}.lora_magnitude_vector", "part of a DoRA"),
        ("transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight", "a model with a transformer"),
        ("model.diffusion_model.input_blocks.0.0.weight", "part of a whole checkpoint: give it as --base"),
        ("weight.unet.conv_in.lora_A", "a training that is not finished"),
        ("something.else", "not part of a plain LoRA"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path: Path, name: str, told: str) -> None:
    path = tmp_path / "x.safetensors"
    save_file({name: MATRIX}, path)
    with pytest.raises(StyleFileError) as error:
        load_style(path)
    assert told in str(error.value)
    assert ("LoHa" in str(error.value)) == ("LoHa" in told)


def test_a_lora_without_tensors_is_refused(tmp_path: Path) -> None:
    save_file({}, tmp_path / "x.safetensors")
    with pytest.raises(StyleFileError, match="holds no tensors, so nothing would change"):
        load_style(tmp_path / "x.safetensors")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_numbers_of_eight_bits_are_read(tiny_folders: dict[str, Path], tmp_path: Path, dtype: torch.dtype) -> None:
    base = open_base(str(tiny_folders["sdxl"]))
    layer = base.denoiser.get_submodule(TO_Q)
    down, up = torch.full((2, layer.in_features), 0.5), torch.full((layer.out_features, 2), 0.25)
    names = (f"unet.{TO_Q}.lora_A.weight", f"unet.{TO_Q}.lora_B.weight")
    path = tmp_path / "x.safetensors"
    save_file({names[0]: down.to(dtype), names[1]: up.to(dtype)}, path)
    style, before = load_style(path), layer.weight.clone()
    with attached(base, [(style, 1.0)]):
        torch.testing.assert_close(base.denoiser.get_submodule(TO_Q).weight, before + up @ down)
        list(draw(base, [ImageRequest("a", 0)], SamplingParams(1, 1.0, 32, 32)))
    found = read_adapter_file(path).tensors
    assert torch.equal(found[names[0]].float(), down)


def test_numbers_of_eight_bits_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"x": torch.tensor([float("inf")]).to(torch.float8_e5m2)}, path)
    with pytest.raises(ConfigError, match="not finite numbers"):
        read_adapter_file(path)


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "euler", "lcm", "lightning", "hyper", "base"])
@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_steps_that_a_sampler_cannot_take(tiny_folders: dict[str, Path], sampler: str, family: str) -> None:
    base = open_base(str(tiny_folders[family]))
    for steps in (1, 50, 51, 1000):
        told = f"--sampler lcm cannot take --steps {steps} on this base: it takes at most 50"
        is_refused = sampler == "lcm" and steps > 50
        with pytest.raises(ConfigError, match=told) if is_refused else nullcontext():
            check_steps(base.pipe.scheduler, sampler, steps)


def test_lcm_with_51_steps_is_one_line(tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    base = str(tiny_folders["sdxl"])
    assert main(["generate", "--base", base, "--prompt", "a", "--sampler", "lcm", "--steps", "51", "--dry-run"]) == 2
    assert "it takes at most 50" in capsys.readouterr().err


def test_folders_of_kohyas_scripts_are_read_as_often_as_they_say(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train" / "10_fox style", 2)
    write_pictures(tmp_path / "train" / "30_owl style", 1)
    write_pictures(tmp_path / "train" / "0_left out", 1)
    found = [path.parent.name for path in list_pictures(tmp_path / "train", "--style-images")]
    assert found == ["10_fox style", "10_fox style", "30_owl style", "30_owl style", "30_owl style"]


def options_for(style: Path, **changes: object) -> TrainOptions:
    return TrainOptions(style_images=str(style), out=Path("x.safetensors"), **changes)


def test_captions_that_lie_unused_are_mentioned(style_images: Path) -> None:
    method = LoRA(LoRA.Config())
    (style_images / "1.txt").unlink()
    (style_images / "0.txt").write_bytes(b"\xff")  # not read, so not complained about
    unused = [note for note in gather(options_for(style_images), method).notes if "--captions shows it" in note]
    assert unused == ["style: 3 of 4 pictures have a caption that is not shown: --captions shows it"]
    (style_images / "0.txt").write_text("a fox")
    assert "is not shown" not in " ".join(gather(options_for(style_images, captions=True), method).notes)


@pytest.mark.parametrize("shared", [0, 1, 4])
def test_style_pictures_among_auxiliary_ones_are_mentioned(style_images: Path, aux_images: Path, shared: int) -> None:
    for index in range(shared):  # by content: under other names
        shutil.copy(style_images / f"{index}.png", aux_images / f"{index}.png")
    notes = " ".join(
        gather(options_for(style_images, aux_images=str(aux_images)), StyleForge(StyleForge.Config())).notes
    )
    assert (f"{shared} of 4 auxiliary pictures are style pictures too" in notes) == bool(shared)


def test_the_same_folder_twice_is_mentioned(style_images: Path) -> None:
    given = options_for(style_images, aux_images=str(style_images))
    assert "4 of 4 auxiliary pictures are style" in " ".join(gather(given, StyleForge(StyleForge.Config())).notes)

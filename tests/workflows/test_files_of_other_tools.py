"""A LoRA that another tool made, used as it is: roles of the base, words of the user, no card."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from impasto.adapters.low_rank import DOWN, UP
from impasto.cli.main import main
from impasto.core.errors import BaseMismatch, StyleFileError
from impasto.core.rng import generator
from impasto.data.images import read_picture
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.open import open_base
from impasto.style.attach import attached
from impasto.style.file import load_style
from impasto.style.references import fit_styles, load_styles

BLOCKS = ("up_blocks.0.attentions.0", "up_blocks.0.attentions.1")
Names = Callable[[str], tuple[str, str]]
SPELLINGS: dict[str, Names] = {
    "authors": lambda path: (f"unet.unet.{path}.lora.down.weight", f"unet.unet.{path}.lora.up.weight"),
    "diffusers, older": lambda path: (f"unet.{path}.lora.down.weight", f"unet.{path}.lora.up.weight"),
    "PEFT": lambda path: (f"unet.{path}.lora_A.weight", f"unet.{path}.lora_B.weight"),
}


def pairs_for(base: Path) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Random pairs on all attention layers of SDXL's two blocks."""
    rng = generator(3)
    return {
        path: (torch.randn((2, layer.in_features), generator=rng), torch.randn((layer.out_features, 2), generator=rng))
        for path, layer in open_base(str(base)).denoiser.named_modules()
        if path.startswith(BLOCKS)
        and path.endswith(("to_q", "to_k", "to_v", "to_out.0"))
        and isinstance(layer, nn.Linear)
    }


def write(pairs: dict[str, tuple[torch.Tensor, torch.Tensor]], names: Names, path: Path) -> Path:
    tensors = {}
    for layer, (down, up) in pairs.items():
        first, second = names(layer)
        tensors |= {first: down, second: up}
    save_file(tensors, path)
    return path


@pytest.fixture
def published(tiny_folders: dict[str, Path], tmp_path: Path) -> Path:
    return write(pairs_for(tiny_folders["sdxl"]), SPELLINGS["authors"], tmp_path / "published.safetensors")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_weights(tiny_folders: dict[str, Path], tmp_path: Path, spelling: str) -> None:
    pairs = pairs_for(tiny_folders["sdxl"])
    style = load_style(write(pairs, SPELLINGS[spelling], tmp_path / "lora.safetensors"))
    assert style.card.fingerprint is None
    assert style.tensors.keys() == {f"unet.{path}{end}" for path in pairs for end in (DOWN, UP)}
    for path, (down, up) in pairs.items():
        assert torch.equal(style.tensors[f"unet.{path}{DOWN}"], down)
        assert torch.equal(style.tensors[f"unet.{path}{UP}"], up)


@pytest.mark.parametrize("scale", [0.5, 1.1])
def test_draws_as_the_changed_base_does(tiny_folders: dict[str, Path], published: Path, scale: float) -> None:
    params, words = SamplingParams(2, 3.0, 32, 32), [ImageRequest("A [v]", 1)]
    base = open_base(str(tiny_folders["sdxl"]))
    with attached(base, [(load_style(published), scale)]):
        (_, with_file), *_ = draw(base, words, params)
    with torch.no_grad():
        for path, (down, up) in pairs_for(tiny_folders["sdxl"]).items():
            base.denoiser.get_submodule(path).weight += scale * up @ down
    (_, changed), *_ = draw(base, words, params)
    assert np.abs(np.asarray(with_file).astype(int) - np.asarray(changed).astype(int)).max() <= 1


def test_content_of_one_and_style_of_the_other(
    tiny_folders: dict[str, Path], published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = published.with_name("mixed.png")
    given = ["--content", str(published), "--style", f"{published}:0.8", "--prompt", "A [v] in [v] style"]
    assert main(["mix", "--base", str(tiny_folders["sdxl"]), "--steps", "2", "--out", str(out), *given]) == 0
    assert "was made by another tool" in " ".join(capsys.readouterr().out.split())
    assert read_picture(out).image.size == (32, 32)
    base = open_base(str(tiny_folders["sdxl"]))
    (content,) = fit_styles(base, load_styles([f"{published}@content"]))
    assert all(name.startswith(f"unet.{BLOCKS[0]}.") for name in content.style.tensors)


def test_words_of_its_content_have_to_be_given(
    tiny_folders: dict[str, Path], published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mix", "--base", str(tiny_folders["sdxl"]), "--content", str(published)]) == 2
    assert "does not tell the words of its content: give the whole --prompt" in capsys.readouterr().err


def test_another_family_or_another_size_is_refused(
    tiny_folders: dict[str, Path], published: Path, tmp_path: Path
) -> None:
    second = {"text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj": (torch.zeros(2, 32), torch.zeros(32, 2))}
    for_sdxl = write(
        second, lambda path: (f"{path}.lora_A.weight", f"{path}.lora_B.weight"), tmp_path / "two.safetensors"
    )
    with pytest.raises(BaseMismatch, match="is a LoRA for a base of family sdxl, this base is sd15"):
        fit_styles(open_base(str(tiny_folders["sd15"])), load_styles([str(for_sdxl)]))
    wide = {path: (torch.zeros(2, 7), torch.zeros(5, 2)) for path in pairs_for(tiny_folders["sdxl"])}
    other = write(wide, SPELLINGS["PEFT"], tmp_path / "wide.safetensors")
    with pytest.raises((BaseMismatch, StyleFileError), match=r"wide\.safetensors"):
        fit_styles(open_base(str(tiny_folders["sdxl"])), load_styles([str(other)]))

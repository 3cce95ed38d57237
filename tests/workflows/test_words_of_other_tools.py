"""Learnt words and Custom Diffusion weights of other tools: used, converted and shown as impasto's own are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from impasto.adapters.learnable import learning
from impasto.adapters.new_tokens import NewTokens, NewWord
from impasto.cli.main import main
from impasto.conversion.extract import ExtractOptions, extract
from impasto.core.errors import BaseMismatch, ConfigError, StyleFileError
from impasto.core.rng import generator
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.open import open_base
from impasto.style.attach import attached, verify
from impasto.style.file import Style, load_style
from impasto.style.references import fit_styles, load_styles, notes_on, with_style_words

WORD = "zwxfox"
WIDTHS = {"sd15": {"text_encoder": 16}, "sdxl": {"text_encoder": 16, "text_encoder_2": 24}}
PARAMS = SamplingParams(2, 3.0, 32, 32)


def rows_for(family: str, vectors: int = 2) -> dict[str, Tensor]:
    rng = generator(7)
    return {name: torch.randn((vectors, width), generator=rng) for name, width in WIDTHS[family].items()}


def write(folder: Path, tensors: dict[str, Tensor], stem: str = WORD) -> Path:
    path = folder / f"{stem}.safetensors"
    save_file(tensors, path)
    return path


def learned_embeds_of_sdxl(folder: Path) -> Path:
    """diffusers' script for SDXL writes a file for each text encoder."""
    rows = rows_for("sdxl")
    write(folder, {WORD: rows["text_encoder_2"]}, "learned_embeds_2")
    return write(folder, {WORD: rows["text_encoder"]}, "learned_embeds")


SPELLINGS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "kohya": ("sd15", lambda folder: write(folder, {"emb_params": rows_for("sd15")["text_encoder"]})),
    "diffusers": ("sd15", lambda folder: write(folder, {WORD: rows_for("sd15")["text_encoder"]}, "learned_embeds")),
    "sdxl": (
        "sdxl",
        lambda folder: write(folder, dict(zip(("clip_l", "clip_g"), rows_for("sdxl").values(), strict=True))),
    ),
    "diffusers, sdxl": ("sdxl", learned_embeds_of_sdxl),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_embeddings_of_other_tools_are_read(tiny_folders: dict[str, Path], tmp_path: Path, spelling: str) -> None:
    family, made = SPELLINGS[spelling]
    base = open_base(str(tiny_folders[family]))
    (named,) = fit_styles(base, load_styles([str(made(tmp_path))]))
    assert named.style.card.new_tokens == (WORD,)
    assert named.words() == WORD
    prompt = with_style_words("a fox", [named])
    assert prompt == f"a fox, {WORD}"
    assert f"prompts end in its word '{WORD}'" in notes_on([named])[0]
    with attached(base, [(named.style, 1.0)]):
        read = base.encode_prompts([prompt])
    with learning(NewTokens(base, [NewWord(WORD, 2, rows=rows_for(family))])):
        expected = base.encode_prompts([prompt])
    assert torch.equal(read.states, expected.states)


def test_a_word_means_what_it_means_to_diffusers(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    path = write(tmp_path, {"emb_params": rows_for("sd15")["text_encoder"]})
    base = open_base(str(tiny_folders["sd15"]))
    with attached(base, [(load_style(path), 1.0)]):
        ours = base.encode_prompts([f"a {WORD}"]).states
    pipe = StableDiffusionPipeline.from_pretrained(tiny_folders["sd15"], safety_checker=None)
    pipe.load_textual_inversion(load_file(path)["emb_params"], token=WORD)
    theirs, _ = pipe.encode_prompt(f"a {WORD}", "cpu", 1, do_classifier_free_guidance=False)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("spelling", ["kohya", "diffusers", "sdxl"])
@pytest.mark.parametrize("form", ["kohya", "diffusers"])
def test_embeddings_are_converted_to_either_spelling(tmp_path: Path, spelling: str, form: str) -> None:
    family, made = SPELLINGS[spelling]
    out = tmp_path / "out" / f"{WORD}.safetensors"
    assert main(["convert", str(made(tmp_path)), str(out), "--format", form]) == 0
    names = {"sdxl": {"clip_l", "clip_g"}, "sd15": {"emb_params"} if form == "kohya" else {WORD}}[family]
    written = load_file(out)
    assert written.keys() == names
    assert [each.tolist() for each in sorted(written.values(), key=lambda rows: rows.shape[1])] == [
        each.tolist() for each in rows_for(family).values()
    ]


def test_a_word_that_impasto_learnt_is_converted_with_its_card(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, base = tmp_path / "own.safetensors", str(tiny_folders["sd15"])
    given = [
        "--base",
        base,
        "--style-images",
        str(style_images),
        "--out",
        str(out),
        "--steps",
        "1",
        "--resolution",
        "32",
    ]
    assert main(["train", "textual-inversion", *given, "--sample-every", "0"]) == 0
    assert main(["convert", str(out), str(tmp_path / "a.safetensors"), "--format", "kohya"]) == 0
    assert "A1111 takes the file's name" in capsys.readouterr().out
    first, second = load_style(out), load_style(tmp_path / "a.safetensors")
    assert load_file(tmp_path / "a.safetensors").keys() == {"emb_params"}
    assert (first.card, list(first.tensors)) == (second.card, list(second.tensors))
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--format", "comfyui"), "has no names for a learnt word: use --format diffusers or --format kohya"),
        (("--format", "kohya", "--split"), "--split has no effect on a learnt word"),
    ],
)
def test_conversions_of_words_that_cannot_be(
    tmp_path: Path, flags: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = SPELLINGS["kohya"][1](tmp_path)
    assert main(["convert", str(path), str(tmp_path / "x.safetensors"), *flags]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("family", "tensors", "stem", "told"),
    [
        ("sdxl", {"emb_params": torch.ones(1, 16)}, WORD, "this base reads 16 numbers for text_encoder and 24 numbers"),
        ("sd15", {"emb_params": torch.ones(1, 24)}, WORD, "a learnt word of 24 numbers for text_encoder"),
        ("sd15", {"clip_l": torch.ones(1, 16), "clip_g": torch.ones(1, 24)}, WORD, "this base reads 16 numbers"),
        ("sd15", {"emb_params": torch.ones(1, 16)}, "a", "calls its word 'a', which this base knows already"),
    ],
)
def test_words_that_do_not_fit_the_base(
    tiny_folders: dict[str, Path], tmp_path: Path, family: str, tensors: dict[str, Tensor], stem: str, told: str
) -> None:
    path = write(tmp_path, tensors, stem)
    with pytest.raises((BaseMismatch, ConfigError)) as error:
        verify(open_base(str(tiny_folders[family])), load_style(path), path.name)
    assert told in str(error.value)


def test_damaged_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StyleFileError, match="not finite"):
        load_style(write(tmp_path, {"emb_params": torch.tensor([float("nan")])}))
    with pytest.raises(StyleFileError, match="part of a plain LoRA"):
        load_style(write(tmp_path, {"emb_params": torch.ones(2, 2, 2)}))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_styles_shows_what_is_known_of_other_tools_files(
    tmp_path: Path, spelling: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["styles", str(SPELLINGS[spelling][1](tmp_path))]) == 0
    told = capsys.readouterr().out
    assert WORD in told
    assert "another tool" in told


# Custom Diffusion

LAYER = "up_blocks.0.attentions.0.transformer_blocks.0.attn2"


@pytest.fixture
def custom(tiny_folders: dict[str, Path], tmp_path: Path) -> tuple[Path, dict[str, Tensor]]:
    """Weights as diffusers' script writes them, and what they change."""
    base, rng = open_base(str(tiny_folders["sd15"])), generator(3)
    tensors = {f"{LAYER.replace('attn2', 'attn1')}.processor": torch.empty(0)}
    changes = {}
    for part, rest in (("to_k", ".weight"), ("to_v", ".weight"), ("to_q", ".weight"), ("to_out", ".0.bias")):
        weight = base.denoiser.get_parameter(f"{LAYER}.{part}{rest}").detach()
        change = torch.randn(weight.shape, generator=rng)
        changes[f"{LAYER}.{part}{rest}"] = change
        tensors[f"{LAYER}.processor.{part}_custom_diffusion{rest}"] = weight + change
    return write(tmp_path, tensors, "pytorch_custom_diffusion_weights"), changes


def drawn(folder: Path, style: Style, scale: float) -> np.ndarray:
    base = open_base(str(folder))
    with attached(base, [(style, scale)]):
        ((_, picture),) = draw(base, [ImageRequest("a fox", 1)], PARAMS)
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_custom_diffusion_weights_are_read(
    tiny_folders: dict[str, Path], custom: tuple[Path, dict[str, Tensor]], scale: float
) -> None:
    path, changes = custom
    base = open_base(str(tiny_folders["sd15"]))
    before = {name: base.denoiser.get_parameter(name).detach().clone() for name in changes}
    with attached(base, [(load_style(path), scale)]):
        for name, change in changes.items():
            torch.testing.assert_close(base.denoiser.get_parameter(name), before[name] + scale * change)
    assert all(torch.equal(base.denoiser.get_parameter(name), weight) for name, weight in before.items())


def test_custom_diffusion_weights_are_extracted_with_their_base(
    tiny_folders: dict[str, Path], custom: tuple[Path, dict[str, Tensor]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = custom
    out = path.with_name("pairs.safetensors")
    assert main(["convert", str(path), str(out), "--format", "kohya"]) == 2
    assert "make them with impasto extract" in " ".join(capsys.readouterr().err.split())
    assert main(["extract", str(path), "--out", str(out)]) == 2
    assert "give the --base" in capsys.readouterr().err
    base = tiny_folders["sd15"]
    assert main(["extract", str(path), "--base", str(base), "--out", str(out), "--rank", "32"]) == 0
    pairs = load_style(out)
    assert (pairs.card.kind, pairs.card.family) == ("lora", "sd15")
    verify(open_base(str(base)), pairs, "pairs")
    assert main(["extract", str(out), "--base", str(base), "--out", str(out), "--overwrite"]) == 2
    assert "needs no --base" in capsys.readouterr().err


def test_the_card_of_an_extract_names_its_base_as_the_hub_does(
    tiny_folders: dict[str, Path], custom: tuple[Path, dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, out = open_base(str(tiny_folders["sd15"]), device="cpu"), custom[0].with_name("pairs.safetensors")
    monkeypatch.setattr("impasto.conversion.extract.open_base", lambda *_, **__: base)
    extract(ExtractOptions(source=custom[0], base="owner/model", out=out, rank=2))
    assert load_style(out).card.base == "owner/model"


def test_weights_of_another_base_are_refused(
    tiny_folders: dict[str, Path], custom: tuple[Path, dict[str, Tensor]]
) -> None:
    with pytest.raises(BaseMismatch, match="it was trained for another base"):
        fit_styles(open_base(str(tiny_folders["sdxl"])), load_styles([str(custom[0])]))

"""Textual Inversion and Custom Diffusion files in stock diffusers: the same picture as here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from safetensors.torch import load_file

from impasto.conversion.convert import ConvertOptions, convert
from impasto.conversion.custom_diffusion import WEIGHTS
from impasto.core.errors import ConfigError, StyleFileError
from impasto.core.rng import generator
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.methods import find_method
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.training.options import TrainOptions
from impasto.training.train import train

PROMPT = "fox, <zwx>"


def learn(name: str, base: Path, style_images: Path, out: Path, rate: float, **settings: object) -> Style:
    method = find_method(name)
    options = TrainOptions(
        base=str(base),
        style_images=str(style_images),
        out=out,
        steps=3,
        learning_rate=rate,
        sample_every=0,
        run_dir=out.with_suffix(".run"),
    )
    for _ in train(options, method(method.Config(**settings))):
        pass
    return load_style(out)


def ours(base: LatentDiffusion, style: Style | None) -> np.ndarray:
    with attached(base, [] if style is None else [(style, 1.0)]):
        ((_, image),) = draw(base, [ImageRequest(PROMPT, 3)], SamplingParams(3, 4.0, 32, 32, sampler="base"))
    return np.asarray(image, dtype=int)


def stock_picture(pipe: DiffusionPipeline) -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    options = {"height": 32, "width": 32, "num_inference_steps": 3, "guidance_scale": 4.0, "generator": generator(3)}
    image: Image.Image = pipe(PROMPT, **options).images[0]
    return np.asarray(image, dtype=int)


def load_words(pipe: DiffusionPipeline, path: Path, family: str) -> None:
    """As users do: the file as it is for SD 1.5, its two tensors for SDXL."""
    if family == "sd15":
        pipe.load_textual_inversion(str(path))
        return
    rows = load_file(path)
    for key, encoder, tokenizer in (
        ("clip_l", "text_encoder", "tokenizer"),
        ("clip_g", "text_encoder_2", "tokenizer_2"),
    ):
        parts = {"text_encoder": getattr(pipe, encoder), "tokenizer": getattr(pipe, tokenizer)}
        pipe.load_textual_inversion(rows[key], token="<zwx>", **parts)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("vectors", [1, 3])
def test_textual_inversion(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, family: str, vectors: int
) -> None:
    path = tmp_path / "word.safetensors"
    settings = {"num_vectors": vectors, "training_prompt": "{v}"}
    style = learn("textual_inversion", tiny_folders[family], style_images, path, 1.0, **settings)
    fresh, stock = open_base(str(tiny_folders[family])), open_base(str(tiny_folders[family])).pipe
    load_words(stock, path, family)
    expected = ours(fresh, style)
    assert np.abs(stock_picture(stock) - expected).max() <= 1  # rounding at a boundary
    assert np.abs(ours(fresh, None) - expected).max() > 1


def test_other_words_stay_bit_identical(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> None:
    base = open_base(str(tiny_folders["sdxl"]))
    words = ["a fox on a hill", "style", "zwx"]
    before = base.encode_prompts(words)
    settings = {"num_vectors": 2, "training_prompt": "{v}"}
    style = learn("textual_inversion", tiny_folders["sdxl"], style_images, tmp_path / "w.safetensors", 1.0, **settings)
    with attached(base, [(style, 1.0)]):
        after = base.encode_prompts(words)
        assert len(base.tokenizers()["text_encoder"].tokenize("<zwx>_1")) == 1
    assert torch.equal(before.states, after.states)
    assert torch.equal(before.pooled, after.pooled)
    assert {name: tuple(rows.shape) for name, rows in style.tensors.items()} == {
        "new_token.text_encoder.<zwx>": (2, 16),
        "new_token.text_encoder_2.<zwx>": (2, 24),
    }


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_custom_diffusion(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, family: str) -> None:
    path, folder, base = tmp_path / "custom.safetensors", tmp_path / "stock", tiny_folders[family]
    style = learn("custom_diffusion", base, style_images, path, 0.1, modifier_tokens=("<zwx>",))
    convert(ConvertOptions(source=path, out=folder, format="custom-diffusion", base=str(base)))
    fresh, stock = open_base(str(base)), open_base(str(base)).pipe
    load_words(stock, folder / "zwx.safetensors", family)
    with_word_alone = stock_picture(stock)
    stock.unet.load_attn_procs(str(folder), weight_name=WEIGHTS)
    assert np.array_equal(stock_picture(stock), with_word_alone)  # diffusers 0.42 does nothing without _pipeline
    stock.unet.load_attn_procs(str(folder), weight_name=WEIGHTS, _pipeline=stock)
    expected = ours(fresh, style)
    assert np.abs(stock_picture(stock) - expected).max() <= 1
    assert np.abs(with_word_alone - expected).max() > 1


def test_what_cannot_be_exported(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> None:
    base, path = tiny_folders["sd15"], tmp_path / "full.safetensors"
    learn("dreambooth", base, style_images, path, 1e-3)
    options = ConvertOptions(source=path, out=tmp_path / "stock", format="custom-diffusion", base=str(base))
    with pytest.raises(StyleFileError, match="is for styles of train custom-diffusion"):
        convert(options)
    with pytest.raises(ConfigError, match="give the --base"):
        convert(options.model_copy(update={"base": None}))
    with pytest.raises(ConfigError, match="--split has no effect"):
        convert(options.model_copy(update={"split": True}))
    with pytest.raises(ConfigError, match="has no effect with --format kohya"):
        convert(options.model_copy(update={"format": "kohya"}))

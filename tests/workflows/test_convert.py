"""`impasto convert` from end to end: what it writes means the same to diffusers, and what has no name is refused."""

import json
import pickle  # noqa: TID251 - to make what must be refused
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

import tiny
from impasto.adapters.low_rank import DOWN, UP
from impasto.adapters.names import file_name
from impasto.adapters.patch import weight_changes
from impasto.cli.main import main
from impasto.conversion.convert import ConvertOptions, convert
from impasto.core.errors import StyleFileError
from impasto.core.rng import generator
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.style.attach import attached
from impasto.style.card import Card
from impasto.style.file import Style, load_style, read_card, save_style
from impasto.style.formats.pairs import FORMATS as KNOWN
from impasto.style.formats.pairs import read_pairs
from impasto.style.formats.vocabulary import file_names
from impasto.style.references import fit_styles, load_styles

TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")
ROLES = {"content": ["up_blocks.0.attentions.0"], "style": ["up_blocks.0.attentions.1"]}
FORMATS = ("diffusers", "kohya", "kohya-ldm", "comfyui")


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with as many blocks and layers as SDXL has, so that LDM's count of blocks means something."""
    tiny.seeded(5)
    pipe = tiny.sdxl()
    pipe.unet = UNet2DConditionModel(
        **{
            **{key: value for key, value in pipe.unet.config.items() if not key.startswith("_")},
            "block_out_channels": (16, 16, 32),
            "layers_per_block": 2,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": [1, 2, 3],
            "attention_head_dim": [2, 2, 4],
        }
    )
    return tiny.save(pipe, tmp_path_factory.mktemp("shaped") / "shaped")


def style_for(model: LatentDiffusion, *, below: str = "", **card: object) -> Style:
    """A low-rank style with random weights on the attention of all networks, or of some blocks of the UNet."""
    rng = generator(0)
    tensors = {}
    for network, module in model.networks().items():
        for path, layer in module.named_modules():
            name = file_name(network, path)
            if path.endswith(TARGETS) and isinstance(layer, nn.Linear) and name.startswith(below):
                tensors[name + DOWN] = torch.randn((2, layer.in_features), generator=rng)
                tensors[name + UP] = torch.randn((layer.out_features, 2), generator=rng) * 0.1
    values: dict[str, object] = {
        "method": "b-lora",
        "paper": "2403.14572v2",
        "kind": "lora",
        "family": model.family,
        "base": "tiny",
        "fingerprint": model.fingerprint(),
        "style_words": "in [v] style",
        "steps": 3,
        "loss": 0.1,
        "config": {"resolution": 32},
        "versions": {},
        "pictures": {},
    }
    return Style(Card.model_validate(values | card), tensors)


Refuse = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Convert what cannot be converted; returns what is said."""

    def command(*arguments: object) -> str:
        before = contents(folder)
        assert main(["convert", *map(str, arguments)]) == 2
        told = capsys.readouterr().err
        assert re.fullmatch(r"impasto: [^\n]+\n", told), told
        assert contents(folder) == before
        return told.removeprefix("impasto: ").removesuffix("\n")

    return command


def contents(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in found}


def header(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as opened:
        return opened.metadata()


def predictions(pipe: object) -> torch.Tensor:
    x_t, timestep = torch.randn((1, 4, 16, 16), generator=generator(0)), torch.tensor([200])
    with torch.no_grad():
        if hasattr(pipe, "text_encoder_2"):
            states, _, pooled, _ = pipe.encode_prompt("a fox, zwx style", do_classifier_free_guidance=False)
            added = {"text_embeds": pooled, "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]])}
            return pipe.unet(x_t, timestep, states, added_cond_kwargs=added).sample
        states, _ = pipe.encode_prompt("a fox, zwx style", "cpu", 1, do_classifier_free_guidance=False)
        return pipe.unet(x_t, timestep, states).sample


# The same weights for others


@pytest.mark.parametrize("name", ["diffusers", "kohya", "kohya-ldm"])
def test_stock_load_lora_weights_does_the_same(shaped: Path, folder: Path, name: str) -> None:
    base = open_base(str(shaped))
    plain = predictions(base.pipe)
    style = style_for(base)
    save_style(folder / "in.safetensors", style)
    assert main(["convert", "in.safetensors", "out.safetensors", "--format", name]) == 0
    stock = open_base(str(shaped)).pipe
    stock.load_lora_weights(str(folder / "out.safetensors"), adapter_name="style")
    for scale in (0.5, 1.0, 1.1):
        stock.set_adapters("style", scale)
        with attached(base, [(style, scale)]):
            ours = predictions(base.pipe)
        assert (ours - plain).abs().max() > 1e-2
        assert (predictions(stock) - ours).abs().max() < 1e-4


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("name", ["diffusers", "kohya"])
def test_stock_pipelines_draw_the_same(
    tiny_folders: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch, family: str, name: str
) -> None:
    monkeypatch.setattr("impasto.generation.draw.to_image", lambda pixels: pixels)  # before they become bytes
    base = open_base(str(tiny_folders[family]))
    style = style_for(base)
    save_style(folder / "in.safetensors", style)
    assert main(["convert", "in.safetensors", "out.safetensors", "--format", name]) == 0
    stock = open_base(str(tiny_folders[family])).pipe
    stock.load_lora_weights(str(folder / "out.safetensors"), adapter_name="style")
    for scale in (0.5, 1.0, 1.1):
        with attached(base, [(style, scale)]):
            assert_drawn_alike(base, stock, {"style": scale})


def test_content_and_style_files_work_as_two_stock_adapters(
    tiny_folders: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.generation.draw.to_image", lambda pixels: pixels)
    base = open_base(str(tiny_folders["sdxl"]))
    whole = style_for(base, below="unet.up_blocks.0.attentions", roles=ROLES)
    save_style(folder / "in.safetensors", whole)
    assert main(["convert", "in.safetensors", "out.safetensors", "--format", "diffusers", "--split"]) == 0
    stock, strengths = open_base(str(tiny_folders["sdxl"])).pipe, {"content": 1.0, "style": 1.1}
    for role in strengths:
        stock.load_lora_weights(str(folder / f"out-{role}.safetensors"), adapter_name=role)
    parts = fit_styles(base, load_styles([f"in.safetensors@{role}:{scale}" for role, scale in strengths.items()]))
    with attached(base, [(part.style, part.scale) for part in parts]):
        assert_drawn_alike(base, stock, strengths)


def assert_drawn_alike(base: LatentDiffusion, stock: DiffusionPipeline, strengths: dict[str, float]) -> None:
    """Assert that stock adapters draw what is attached to `base` draws, pixel by pixel from 0 to 1."""
    (_, ours), *_ = draw(base, [ImageRequest("a fox", 3)], SamplingParams(3, 5.0, 32, 32, sampler="base"))
    stock.set_progress_bar_config(disable=True)
    stock.set_adapters(list(strengths), list(strengths.values()))
    drawn = stock(
        prompt="a fox",
        height=32,
        width=32,
        num_inference_steps=3,
        guidance_scale=5.0,
        generator=[generator(3)],
        output_type="np",
    ).images[0]
    wanted = (ours / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).numpy()
    assert wanted.std() > 0.05
    assert np.abs(wanted - drawn).max() < 1e-4


@pytest.mark.parametrize("name", ["diffusers", "kohya"])
def test_stock_weights_are_the_very_ones(tiny_folders: dict[str, Path], folder: Path, name: str) -> None:
    base = open_base(str(tiny_folders["sdxl"]))
    style = style_for(base, below="unet.")
    save_style(folder / "in.safetensors", style)
    convert(ConvertOptions(source=Path("in.safetensors"), out=Path("out.safetensors"), format=name))
    stock = open_base(str(tiny_folders["sdxl"])).pipe
    stock.load_lora_weights(str(folder / "out.safetensors"))
    stock.fuse_lora()
    stock.unload_lora_weights()
    with attached(base, [(style, 1.0)]):
        ours = base.denoiser.state_dict()
        for key, value in stock.unet.state_dict().items():
            torch.testing.assert_close(value, ours[key.replace(".base_layer", "")], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_there_and_back_is_exact_and_impasto_reads_it_itself(shaped: Path, folder: Path, name: str) -> None:
    style = style_for(open_base(str(shaped)))
    save_style(folder / "in.safetensors", style)
    assert main(["convert", "in.safetensors", "there.safetensors", "--format", name]) == 0
    assert main(["convert", "there.safetensors", "back.safetensors", "--format", "diffusers"]) == 0
    for path in ("there.safetensors", "back.safetensors"):
        read = load_style(folder / path)
        assert read.card == style.card
        assert read.tensors.keys() == style.tensors.keys()
        assert all(torch.equal(read.tensors[key], value) for key, value in style.tensors.items())


# What the file says


def test_header_tells_other_tools(sdxl: LatentDiffusion, folder: Path) -> None:
    style = style_for(sdxl, roles=ROLES, content_words="A [v]")
    save_style(folder / "in.safetensors", style)
    for name in FORMATS:
        assert main(["convert", "in.safetensors", "fox.safetensors", "--format", name, "--overwrite"]) == 0
        told = header(folder / "fox.safetensors")
        assert read_card(folder / "fox.safetensors") == style.card
        assert told["format"] == "pt"
        assert told["modelspec.sai_model_spec"] == "1.0.0"
        assert told["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
        assert told["modelspec.title"] == "fox"
        assert told["modelspec.resolution"] == "32x32"
        assert told["modelspec.trigger_phrase"] == "A [v], in [v] style"
        assert ("ss_network_dim" in told) == name.startswith("kohya")
        if name.startswith("kohya"):
            assert (told["ss_network_dim"], told["ss_network_alpha"], told["ss_steps"]) == ("2", "2", "3")


def test_no_metadata_means_none_and_files_repeat(sdxl: LatentDiffusion, folder: Path) -> None:
    save_style(folder / "in.safetensors", style_for(sdxl))
    assert main(["convert", "in.safetensors", "bare.safetensors", "--format", "kohya", "--no-metadata"]) == 0
    assert header(folder / "bare.safetensors") == {"format": "pt"}
    for _ in range(2):
        assert main(["convert", "in.safetensors", "told.safetensors", "--format", "kohya", "--overwrite"]) == 0
    first = load_file(folder / "told.safetensors"), header(folder / "told.safetensors")
    assert main(["convert", "told.safetensors", "told.safetensors", "--format", "kohya", "--overwrite"]) == 0
    assert header(folder / "told.safetensors") == first[1]
    assert all(torch.equal(value, first[0][key]) for key, value in load_file(folder / "told.safetensors").items())


@pytest.mark.parametrize(
    ("dtype", "expected"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("", torch.float32)]
)
def test_dtype(sdxl: LatentDiffusion, folder: Path, dtype: str, expected: torch.dtype) -> None:
    style = style_for(sdxl)
    save_style(folder / "in.safetensors", style)
    more = ["--dtype", dtype] if dtype else []
    assert main(["convert", "in.safetensors", "out.safetensors", "--format", "diffusers", *more]) == 0
    read = load_style(folder / "out.safetensors").tensors
    assert all(torch.equal(read[key], value.to(expected)) for key, value in style.tensors.items())


def test_options_from_a_file(sdxl: LatentDiffusion, folder: Path) -> None:
    save_style(folder / "in.safetensors", style_for(sdxl))
    (folder / "c.toml").write_text('dtype = "bf16"\n')
    assert main(["convert", "in.safetensors", "out.safetensors", "--format", "kohya", "--config", "c.toml"]) == 0
    assert load_style(folder / "out.safetensors").tensors.popitem()[1].dtype == torch.bfloat16
    assert get_args(ConvertOptions.model_fields["format"].annotation) == (*KNOWN, "custom-diffusion")
    assert tuple(KNOWN) == FORMATS


# Files of other tools


def test_a_published_b_lora_becomes_a_style_and_a_content_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = generator(1)
    stems = [
        f"unet.unet.up_blocks.0.attentions.{block}.transformer_blocks.{layer}.{attention}.{matrix}"
        for block in (0, 1)
        for layer in range(10)
        for attention in ("attn1", "attn2")
        for matrix in ("to_q", "to_k", "to_v", "to_out.0")
    ]
    down = {f"{stem}.lora.down.weight": torch.randn((2, 8), generator=rng) for stem in stems}
    up = {f"{stem}.lora.up.weight": torch.randn((8, 2), generator=rng) for stem in stems}
    assert len(down | up) == 320
    save_file(down | up, folder / "published.safetensors")
    assert main(["convert", "published.safetensors", "fox.safetensors", "--format", "kohya-ldm", "--split"]) == 0
    assert "left out" not in capsys.readouterr().out
    for role, block in (("content", 0), ("style", 1)):
        path = folder / f"fox-{role}.safetensors"
        written = load_file(path)
        assert len(written) == 3 * 80
        assert all(key.startswith(f"lora_unet_output_blocks_{block}_1_transformer_blocks_") for key in written)
        stem = f"lora_unet_output_blocks_{block}_1_transformer_blocks_7_attn2_to_out_0"
        source = f"unet.unet.up_blocks.0.attentions.{block}.transformer_blocks.7.attn2.to_out.0"
        assert torch.equal(written[f"{stem}.lora_down.weight"], down[f"{source}.lora.down.weight"])
        assert torch.equal(written[f"{stem}.lora_up.weight"], up[f"{source}.lora.up.weight"])
        assert written[f"{stem}.alpha"] == 2
        assert header(path)["modelspec.title"] == f"fox-{role}"
        assert header(path)["ss_base_model_version"] == "sdxl_base_v1-0"
    assert not (folder / "fox.safetensors").exists()


def test_alpha_of_another_tool_keeps_its_meaning(sdxl: LatentDiffusion, folder: Path) -> None:
    style = style_for(sdxl)
    save_style(folder / "in.safetensors", style)
    assert main(["convert", "in.safetensors", "plain.safetensors", "--format", "kohya", "--no-metadata"]) == 0
    halved = load_file(folder / "plain.safetensors")
    save_file({k: v / 2 if k.endswith(".alpha") else v for k, v in halved.items()}, folder / "halved.safetensors")
    assert main(["convert", "halved.safetensors", "out.safetensors", "--format", "diffusers"]) == 0
    changes, whole = weight_changes(load_file(folder / "out.safetensors")), weight_changes(style.tensors)
    assert changes.keys() == whole.keys()
    assert all(torch.equal(change, whole[name] / 2) for name, change in changes.items())


# Splitting


def test_split_by_the_roles_of_the_card(
    sdxl: LatentDiffusion, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    style = style_for(sdxl, roles=ROLES, content_words="A [v]")
    save_style(folder / "in.safetensors", style)
    assert main(["convert", "in.safetensors", "out.safetensors", "--format", "diffusers", "--split"]) == 0
    printed = capsys.readouterr().out
    parts = {role: load_style(folder / f"out-{role}.safetensors") for role in ROLES}
    left = [key for key in style.tensors if not key.startswith(tuple(f"unet.{block[0]}." for block in ROLES.values()))]
    assert left
    assert f"left out  {len(left) // 2} pairs that play no role" in printed
    for role, part in parts.items():
        assert part.card.roles == {role: ROLES[role]}
        assert part.tensors.keys() == {key for key in style.tensors if key.startswith(f"unet.{ROLES[role][0]}.")}
    assert header(folder / "out-content.safetensors")["modelspec.trigger_phrase"] == "A [v]"
    assert header(folder / "out-style.safetensors")["modelspec.trigger_phrase"] == "in [v] style"


@pytest.mark.parametrize(
    ("card", "below", "told"),
    [
        ({}, "", "cannot be split (its card names no roles): convert it without --split"),
        (
            {"roles": ROLES},
            "unet.up_blocks.0.attentions.0",
            "changes nothing in role 'style' (up_blocks.0.attentions.1)",
        ),
        ({"roles": {"../x": ["up_blocks.0"]}}, "", "has a role '../x', only letters"),
    ],
)
def test_what_cannot_be_split(
    sdxl: LatentDiffusion, folder: Path, refused: Refuse, card: dict[str, object], below: str, told: str
) -> None:
    save_style(folder / "in.safetensors", style_for(sdxl, below=below, **card))
    assert told in refused("in.safetensors", "out.safetensors", "--format", "kohya", "--split")


def test_roles_of_a_file_without_a_card_are_those_of_its_family(folder: Path, refused: Refuse) -> None:
    name = "unet.down_blocks.0.attentions.0.proj_in"
    save_file({name + DOWN: torch.ones(1, 4), name + UP: torch.ones(4, 1)}, folder / "in.safetensors")
    told = refused("in.safetensors", "out.safetensors", "--format", "kohya", "--split")
    assert "it has no card, and its family knows no roles" in told


# Refusals


def test_a_full_style_names_the_way_out(sdxl: LatentDiffusion, folder: Path, refused: Refuse) -> None:
    card = style_for(sdxl, kind="full").card
    save_style(folder / "in.safetensors", Style(card, {"delta.unet.conv_in.weight": torch.ones(3)}))
    told = refused("in.safetensors", "out.safetensors", "--format", "kohya")
    assert told.endswith("make them with impasto extract in.safetensors --out in-lora.safetensors")


def test_a_new_token_is_refused(sdxl: LatentDiffusion, folder: Path, refused: Refuse) -> None:
    style = style_for(sdxl, new_tokens=("zwx",))
    save_style(
        folder / "in.safetensors", Style(style.card, style.tensors | {"new_token.text_encoder.zwx": torch.ones(1, 3)})
    )
    assert "brings a token of its own" in refused("in.safetensors", "out.safetensors", "--format", "kohya")


@pytest.mark.parametrize("name", ["kohya-ldm", "comfyui"])
def test_pocket_has_other_blocks(sdxl: LatentDiffusion, folder: Path, refused: Refuse, name: str) -> None:
    save_style(folder / "in.safetensors", style_for(sdxl, base="pocket"))
    told = refused("in.safetensors", "out.safetensors", "--format", name)
    assert f"--format {name} counts the blocks of SD 1.5 and SDXL, this style is for pocket" in told


def test_values_that_a_dtype_cannot_hold(sdxl: LatentDiffusion, folder: Path, refused: Refuse) -> None:
    style = style_for(sdxl)
    large = {key: value * 1e6 for key, value in style.tensors.items()}
    save_style(folder / "in.safetensors", Style(style.card, large))
    told = refused("in.safetensors", "out.safetensors", "--format", "kohya", "--dtype", "fp16")
    assert told.startswith("--dtype fp16 cannot hold ")
    assert told.endswith(": use bf16 or fp32")


@pytest.mark.parametrize("flag", [["--overwrite"], ["--split"], ["--no-metadata"], ["--dtype", "fp16"]], ids=" ".join)
def test_a_folder_of_whole_weights_takes_no_other_options(refused: Refuse, flag: list[str]) -> None:
    told = refused("in.safetensors", "out", "--format", "custom-diffusion", "--base", "pocket", *flag)
    assert f"{flag[0]} has no effect with --format custom-diffusion: leave it out" in told


def test_files_that_are_no_lora(folder: Path, refused: Refuse) -> None:
    (folder / "evil.safetensors").write_bytes(pickle.dumps({"unet": 1}))
    assert "is a pickle" in refused("evil.safetensors", "out.safetensors", "--format", "kohya")
    assert "none.safetensors does not exist" in refused("none.safetensors", "out.safetensors", "--format", "kohya")
    save_file({"lora_unet_conv_in.hada_w1_a": torch.ones(1)}, folder / "loha.safetensors")
    assert "part of a LoHa: it is not read; ask for a plain LoRA" in refused(
        "loha.safetensors", "out.safetensors", "--format", "kohya"
    )
    name = "lora_unet_conv_in"
    values = {f"{name}.lora_down.weight": torch.full((1, 4), torch.nan), f"{name}.lora_up.weight": torch.ones(4, 1)}
    save_file(values, folder / "nan.safetensors")
    assert "not finite numbers" in refused("nan.safetensors", "out.safetensors", "--format", "kohya")
    damaged = {"impasto": json.dumps({"version": 1})}
    save_file({}, folder / "card.safetensors", metadata=damaged)
    assert "has a damaged card" in refused("card.safetensors", "out.safetensors", "--format", "kohya")


def test_command_line(folder: Path, refused: Refuse) -> None:
    assert "OUT x.bin must end in .safetensors" in refused("in.safetensors", "x.bin", "--format", "kohya")
    (folder / "sub").mkdir()
    assert "OUT sub is a folder: name a file" in refused("in.safetensors", "sub", "--format", "kohya")
    assert "--format" in refused("in.safetensors", "x.safetensors")
    assert "--format" in refused("in.safetensors", "x.safetensors", "--format", "impasto")
    assert "OUT" in refused("in.safetensors", "--format", "kohya")


DROPPED_BY_A1111 = (
    *("unet.up_blocks.0.upsamplers.0.conv", "unet.add_embedding.linear_1", "unet.add_embedding.linear_2"),
    "text_encoder_2.text_projection",
)


@pytest.mark.parametrize("module", DROPPED_BY_A1111)
def test_what_a1111_drops_of_a_full_extract_is_said(
    sdxl: LatentDiffusion, folder: Path, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own mapping of the kohya spelling leaves these out; kohya-ldm is the way."""
    style, source = style_for(sdxl), folder / "in.safetensors"
    save_style(source, style)
    assert convert(ConvertOptions(source=source, out=folder / "plain.safetensors", format="kohya")).notes == ()
    pair = {module + DOWN: torch.ones(2, 3), module + UP: torch.ones(3, 2)}
    save_style(source, Style(style.card, style.tensors | pair))
    told = {}
    for form in ("kohya", "kohya-ldm", "diffusers", "comfyui"):
        out = folder / f"{form}.safetensors"
        told[form] = convert(ConvertOptions(source=source, out=out, format=form)).notes
    note, *by_diffusers = told.pop("kohya")
    lost = f"diffusers leaves out {module} in this format: use --format diffusers for it"
    assert by_diffusers == ([lost] if "add_embedding" in module else [])
    assert note == f"A1111 leaves out {module} in this format: use --format kohya-ldm for it"
    assert set(told.values()) == {()}
    assert main(["convert", str(source), str(folder / "again.safetensors"), "--format", "kohya"]) == 0
    assert f"note  {note}" in capsys.readouterr().out


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_what_diffusers_drops_of_the_kohya_spelling_is_known(family: str) -> None:
    """Every module of the family is spelled for kohya and mapped back by diffusers' own code."""
    form = KNOWN["kohya"]
    lost = set()
    for path in file_names()[family].original:
        stem = form.stem_of(f"unet.{path}", family)
        pair = {f"{stem}.lora_down.weight": torch.ones(2, 3), f"{stem}.lora_up.weight": torch.ones(3, 2)}
        mapped, _ = _convert_non_diffusers_lora_to_diffusers(pair | {f"{stem}.alpha": torch.tensor(2.0)})
        try:
            read_pairs(mapped, {}, "it")
        except StyleFileError:
            lost.add(f"unet.{path}")
    (told,) = (each.modules for each in form.dropped if each.reader == "diffusers")
    assert lost == (told if family == "sdxl" else set())

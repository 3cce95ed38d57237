"""Names of modules in all formats: complete, one to one, and what the published models' own code calls them."""

import functools
import re

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from impasto.adapters.low_rank import DOWN, UP
from impasto.adapters.names import file_name
from impasto.style.formats.pairs import FORMATS, read_pairs, write_pairs
from impasto.style.formats.vocabulary import (
    TEXT_PATHS,
    denoiser_paths,
    families_with,
    file_names,
    ldm_names,
    path_of_ldm,
)

# The published configurations; widths play no part in names and are small.
SHAPES: dict[str, dict[str, object]] = {
    "sd15": {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "attention_head_dim": 2,
    },
    "sdxl": {
        "block_out_channels": (8, 8, 8),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": [1, 2, 10],
        "attention_head_dim": 2,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 16,
    },
}
FAMILIES = sorted(SHAPES)
NAMED = [
    (family, name)
    for family in FAMILIES
    for name, form in FORMATS.items()
    if not form.counts_blocks or name in file_names()[family].counted_by
]


@functools.cache
def unet_of(family: str) -> UNet2DConditionModel:
    with torch.device("meta"):
        return UNet2DConditionModel(cross_attention_dim=8, norm_num_groups=4, layers_per_block=2, **SHAPES[family])


def layers_of(module: nn.Module) -> list[str]:
    return [path for path, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_of_the_unet_has_a_name(family: str) -> None:
    layers = layers_of(unet_of(family))
    assert len([path for path in layers if ".attn" in path]) == {"sd15": 128, "sdxl": 560}[family]
    assert set(layers) <= ldm_names(family).keys()
    extra = set(ldm_names(family)) - set(layers)
    deeper = {path for path in extra if re.match(r"down_blocks\.1\.attentions\.\d\.transformer_blocks\.2\.", path)}
    assert bool(deeper) == (family == "sdxl")  # pocket's third layer there
    assert all(path.endswith("conv_shortcut") for path in extra - deeper)  # resnets that keep their width have none


@pytest.mark.parametrize("family", FAMILIES)
def test_ldm_names_are_those_that_checkpoints_have(family: str) -> None:
    """diffusers' reader of original checkpoints is the witness: it must find each weight under our path."""
    paths = layers_of(unet_of(family))
    marks = {path: torch.tensor(float(mark)) for mark, path in enumerate(paths)}
    checkpoint = {
        f"model.diffusion_model.{ldm_names(family)[path]}.{kind}": mark
        for path, mark in marks.items()
        for kind in ("weight", "bias")
    }
    read = convert_ldm_unet_checkpoint(checkpoint, dict(unet_of(family).config))
    assert {path: read.get(f"{path}.weight") for path in paths} == marks


def test_names_are_one_to_one() -> None:
    for family in FAMILIES:
        table = ldm_names(family)
        assert len(set(table.values())) == len(table)
        assert all(path_of_ldm()[ldm] == path for path, ldm in table.items())
    for names in (denoiser_paths(), TEXT_PATHS, path_of_ldm()):
        assert len({name.replace(".", "_") for name in names}) == len(names)


@pytest.mark.parametrize(("family", "name"), NAMED)
def test_stems_are_inverse_to_modules(family: str, name: str) -> None:
    form = FORMATS[name]
    modules = [f"unet.{path}" for path in ldm_names(family)]
    encoders = ["text_encoder", "text_encoder_2"] if family == "sdxl" else ["text_encoder"]
    modules += [f"{encoder}.{path}" for encoder in encoders for path in TEXT_PATHS]
    stems = [form.stem_of(module, family) for module in modules]
    assert len(set(stems)) == len(stems)
    assert [form.module_of(stem) for stem in stems] == modules
    for other in FORMATS.values():  # whoever else reads a stem reads the same
        assert all(other.module_of(stem) in {None, module} for stem, module in zip(stems, modules, strict=True))


@pytest.mark.parametrize(("family", "name"), NAMED)
def test_round_trip_of_a_whole_unet(family: str, name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    pairs = {}
    for path in layers_of(unet_of(family)):
        pairs[f"unet.{path}{DOWN}"] = torch.randn((2, 3), generator=rng)
        pairs[f"unet.{path}{UP}"] = torch.randn((4, 2), generator=rng)
    assert families_with(key.removesuffix(DOWN) for key in pairs if key.endswith(DOWN)) == [family]
    read = read_pairs(write_pairs(pairs, name, family), {}, "file")
    assert read.keys() == pairs.keys()
    assert all(torch.equal(read[key], value) for key, value in pairs.items())


def test_every_layer_of_the_text_encoders_has_a_name() -> None:
    config = CLIPTextConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=32, num_attention_heads=2)
    with torch.device("meta"):
        encoders = [CLIPTextModel(config), CLIPTextModelWithProjection(config)]
    for encoder in encoders:
        paths = {file_name("text_encoder", path).removeprefix("text_encoder.") for path in layers_of(encoder)}
        assert paths <= TEXT_PATHS


@pytest.mark.parametrize(
    ("path", "ldm"),
    [
        ("down_blocks.1.attentions.0", "input_blocks.4.1"),
        ("down_blocks.2.attentions.1", "input_blocks.8.1"),
        ("mid_block.attentions.0", "middle_block.1"),
        ("up_blocks.0.attentions.0", "output_blocks.0.1"),
        ("up_blocks.0.attentions.1", "output_blocks.1.1"),
        ("up_blocks.1.attentions.2", "output_blocks.5.1"),
    ],
)
def test_blocks_of_b_lora(path: str, ldm: str) -> None:
    assert ldm_names("sdxl")[f"{path}.proj_in"] == f"{ldm}.proj_in"
    assert (
        ldm_names("sdxl")[f"{path}.transformer_blocks.1.attn2.to_out.0"] == f"{ldm}.transformer_blocks.1.attn2.to_out.0"
    )

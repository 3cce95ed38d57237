"""Low-rank files of other tools: every spelling means the same weights, and what is no plain LoRA is refused."""

import json
import math
import re

import pytest
import torch

from impasto.adapters.low_rank import DOWN, UP
from impasto.core.errors import ConfigError, StyleFileError
from impasto.models.families.sdxl import SDXL_ROLES
from impasto.style.formats.header import header_of
from impasto.style.formats.pairs import FORMATS, folded, read_pairs, write_pairs
from impasto.style.formats.vocabulary import families_with
from impasto.style.select import split_by_role

QUERY = "unet.up_blocks.0.attentions.1.transformer_blocks.3.attn2.to_q"
OUT = "unet.up_blocks.0.attentions.1.transformer_blocks.3.attn2.to_out.0"
TEXT = "text_encoder.text_model.encoder.layers.3.self_attn.q_proj"
TEXT_OUT = "text_encoder.text_model.encoder.layers.3.self_attn.out_proj"
TEXT_2 = "text_encoder_2.text_model.encoder.layers.31.mlp.fc1"
UNDERSCORED = "up_blocks_0_attentions_1_transformer_blocks_3_attn2"
CLIP = "text_model_encoder_layers"

PEFT, OLD = ("A", "B"), ("down", "up")
BLOCK = "output_blocks.1.1.transformer_blocks.3.attn2.to_q"
CLIP_G = "text_encoders.clip_g.transformer.text_model.encoder.layers.31.mlp.fc1"
UPSAMPLER = "unet.up_blocks.0.upsamplers.0.conv"

# Module, name of a tensor with @ for the matrix, names of the two matrices.
SPELLINGS = [
    (QUERY, f"{QUERY}.lora_@.weight", PEFT),
    (QUERY, f"unet.{QUERY}.lora.@.weight", OLD),
    (QUERY, f"{QUERY}.lora.@.weight", OLD),
    (QUERY, f"{QUERY}.lora_linear_layer.@.weight", OLD),
    (QUERY, QUERY.removeprefix("unet.").replace("to_q", "processor.to_q_lora.@.weight"), OLD),
    (OUT, OUT.replace("to_out.0", "processor.to_out_lora.@.weight"), OLD),
    (QUERY, f"lora_unet_{UNDERSCORED}_to_q.lora_@.weight", OLD),
    (OUT, f"lora_unet_{UNDERSCORED}_to_out_0.lora_@.weight", OLD),
    (QUERY, f"lora_unet_{BLOCK.replace('.', '_')}.lora_@.weight", OLD),
    (QUERY, f"diffusion_model.{BLOCK}.lora_@.weight", OLD),
    (QUERY, f"diffusion_model.{BLOCK}.lora_@.weight", PEFT),
    (TEXT, f"{TEXT}.lora_@.weight", PEFT),
    (TEXT, f"{TEXT.replace('text_model.', '')}.lora_@.weight", PEFT),
    (TEXT, f"{TEXT}.lora_linear_layer.@.weight", OLD),
    (TEXT, TEXT.replace("q_proj", "to_q_lora.@.weight"), OLD),
    (TEXT_OUT, TEXT_OUT.replace("out_proj", "to_out_lora.@.weight"), OLD),
    (TEXT, f"lora_te_{CLIP}_3_self_attn_q_proj.lora_@.weight", OLD),
    (TEXT, f"lora_te1_{CLIP}_3_self_attn_q_proj.lora_@.weight", OLD),
    (TEXT_2, f"lora_te2_{CLIP}_31_mlp_fc1.lora_@.weight", OLD),
    (TEXT_2, f"{CLIP_G}.lora_@.weight", OLD),
    ("unet.conv_in", "lora_unet_input_blocks_0_0.lora_@.weight", OLD),
    (UPSAMPLER, "lora_unet_output_blocks_2_2_conv.lora_@.weight", OLD),
    (UPSAMPLER, "diffusion_model.output_blocks.2.1.conv.lora_@.weight", OLD),  # SD 1.5 counts it so
    ("unet.mid_block.resnets.1.time_emb_proj", "lora_unet_middle_block_2_emb_layers_1.lora_@.weight", OLD),
]


def pair(rank: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    return torch.randn((rank, 5), generator=rng), torch.randn((6, rank), generator=rng)


def refusal(tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> str:
    with pytest.raises(StyleFileError) as refused:
        read_pairs(tensors, metadata or {}, "style file fox.safetensors")
    message = str(refused.value)
    assert message.startswith("style file fox.safetensors ")
    assert "\n" not in message
    assert re.search(r"again|ask for|keep one", message), f"no way out: {message}"
    return message


# Spellings


@pytest.mark.parametrize(("module", "name", "matrices"), SPELLINGS)
def test_every_spelling_means_the_same(module: str, name: str, matrices: tuple[str, str]) -> None:
    down, up = pair()
    read = read_pairs({name.replace("@", matrices[0]): down, name.replace("@", matrices[1]): up}, {}, "file")
    assert read.keys() == {module + DOWN, module + UP}
    assert read[module + DOWN] is down
    assert read[module + UP] is up


def test_spellings_may_be_mixed() -> None:
    down, up = pair()
    tensors = {f"{OUT}.lora_A.weight": down, f"{OUT}.lora_B.weight": up}
    tensors |= {f"lora_te2_{CLIP}_31_mlp_fc1.lora_{way}.weight": each for way, each in (("down", down), ("up", up))}
    assert read_pairs(tensors, {}, "file").keys() == {module + part for module in (OUT, TEXT_2) for part in (DOWN, UP)}


# Scale


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_alpha_equal_to_the_rank_changes_nothing(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    down, up = (each.half() for each in pair())
    stem = f"lora_unet_{UNDERSCORED}_to_q"
    alpha = torch.full(shape, 4, dtype=dtype)
    read = read_pairs({f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": alpha}, {}, "f")
    assert read[QUERY + DOWN] is down
    assert read[QUERY + UP] is up


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0, 8.0, 0.0, 0.37])
def test_alpha_is_folded_in(alpha: float) -> None:
    down, up = pair()
    stem = f"lora_unet_{UNDERSCORED}_to_q"
    tensors = {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": torch.tensor(alpha)}
    read = read_pairs(tensors, {}, "file")
    product = read[QUERY + UP] @ read[QUERY + DOWN]
    if math.frexp(alpha)[0] in {0.0, 0.5}:
        assert torch.equal(product, alpha / 4 * (up @ down))
    else:
        torch.testing.assert_close(product, alpha / 4 * (up @ down), rtol=1e-5, atol=1e-6)


def test_a_small_alpha_does_not_underflow_in_half_precision() -> None:
    down, up = pair()
    small, other = folded(down * 1e-3, up * 1e-3, 1 / 128)
    product = other.half().double() @ small.half().double()
    torch.testing.assert_close(product, (up @ down).double() * 1e-6 / 128, rtol=1e-2, atol=1e-11)


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({"unet.lora_alpha": 8, "unet.r": 4}, 2.0),
        ({"unet.lora_alpha": 8, "unet.use_rslora": True}, 4.0),
        ({"unet.lora_alpha": 4, "unet.alpha_pattern": {"^" + QUERY.removeprefix("unet."): 2}}, 0.5),
        ({"unet.lora_alpha": 4, "unet.alpha_pattern": {"attn2.to_k": 2}}, 1.0),
        ({"text_encoder.lora_alpha": 8}, 1.0),
    ],
)
def test_alpha_that_peft_writes_into_the_header(settings: dict[str, object], scale: float) -> None:
    down, up = pair()
    header = {"lora_adapter_metadata": json.dumps(settings)}
    read = read_pairs({QUERY + DOWN: down, QUERY + UP: up}, header, "file")
    assert torch.equal(read[QUERY + UP] @ read[QUERY + DOWN], scale * (up @ down))


def test_alpha_is_written_as_the_rank() -> None:
    tensors = dict(zip((QUERY + DOWN, QUERY + UP), pair(), strict=True)) | dict(
        zip((OUT + DOWN, OUT + UP), pair(2), strict=True)
    )
    written = write_pairs({name: tensor.half() for name, tensor in tensors.items()}, "kohya", "sdxl")
    assert written[f"lora_unet_{UNDERSCORED}_to_q.alpha"].item() == 4
    assert written[f"lora_unet_{UNDERSCORED}_to_out_0.alpha"].item() == 2
    assert "alpha" not in " ".join(write_pairs(tensors, "diffusers", None))


def test_a_convolution_keeps_its_shape() -> None:
    down, up = torch.ones(2, 8, 3, 3), torch.ones(16, 2, 1, 1)
    tensors = {"unet.conv_in" + DOWN: down, "unet.conv_in" + UP: up}
    for name in FORMATS:
        assert read_pairs(write_pairs(tensors, name, "sdxl"), {}, "file").keys() == tensors.keys()


# What is no plain LoRA


@pytest.mark.parametrize(
    "name",
    [
        f"lora_unet_{UNDERSCORED}_to_q.hada_w1_a",
        f"lora_unet_{UNDERSCORED}_to_q.dora_scale",
        f"lora_unet_{UNDERSCORED}_to_q.lora_mid.weight",
        f"lora_unet_{UNDERSCORED}_to_q.diff",
        f"{QUERY}.lora_B.bias",
        "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
        "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight",
        "unet.down_blocks.9.attentions.0.proj_in.lora_A.weight",
        "lora_unet_up_blocks_0_attentions_1_transformer_blocks_3_attn2_to.q.lora_down.weight",
        "unet.conv_in.weight",
        "emb_params",
    ],
)
def test_what_is_no_plain_lora_is_refused(name: str) -> None:
    down, up = pair()
    tensors = {QUERY + DOWN: down, QUERY + UP: up, name: torch.ones(2, 2)}
    told = refusal(tensors)
    assert re.search(f"holds {re.escape(repr(name))}, (which is not part of a plain LoRA|.*ask for)", told), told


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({QUERY + DOWN: torch.ones(4, 5)}, f"{QUERY} has no B (lora_up)"),
        ({QUERY + UP: torch.ones(6, 4)}, f"{QUERY} has no A (lora_down)"),
        ({f"lora_unet_{UNDERSCORED}_to_q.alpha": torch.tensor(4.0)}, f"{QUERY} has no A (lora_down)"),
        ({QUERY + DOWN: torch.ones(4, 5), QUERY + UP: torch.ones(6, 3)}, "A (4, 5), B (6, 3) do not fit"),
        ({QUERY + DOWN: torch.tensor(1.0), QUERY + UP: torch.ones(6, 3)}, "A (), B (6, 3) do not fit"),
        ({QUERY + DOWN: torch.ones(0, 5), QUERY + UP: torch.ones(6, 0)}, "A (0, 5), B (6, 0) do not fit"),
        ({QUERY + DOWN: torch.ones(2, 5, 1, 1), QUERY + UP: torch.ones(6, 2, 3, 3)}, "B (6, 2, 3, 3) do not fit"),
    ],
)
def test_incomplete_pairs(tensors: dict[str, torch.Tensor], told: str) -> None:
    assert told in refusal(tensors)


@pytest.mark.parametrize("alpha", [torch.tensor(math.nan), torch.tensor(math.inf), torch.ones(3)])
def test_alpha_that_is_no_number(alpha: torch.Tensor) -> None:
    down, up = pair()
    tensors = {QUERY + DOWN: down, QUERY + UP: up, f"{QUERY}.alpha": alpha}
    assert f"alpha of {QUERY} is not a number" in refusal(tensors)


def test_one_pair_in_two_spellings() -> None:
    down, up = pair()
    other = f"lora_unet_{UNDERSCORED}_to_q"
    tensors = {QUERY + DOWN: down, QUERY + UP: up, f"{other}.lora_down.weight": down, f"{other}.lora_up.weight": up}
    assert f"holds {QUERY} twice" in refusal(tensors)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a table"),
        ('{"unet.lora_alpha": "many"}', "lora_alpha = 'many'"),
        ('{"unet.lora_alpha": 1e999}', "lora_alpha = inf"),
        ('{"unet.alpha_pattern": {"(a+)+b": 2}}', "by the pattern '(a+)+b'"),
    ],
)
def test_damaged_settings_in_the_header(text: str, told: str) -> None:
    tensors = dict(zip((QUERY + DOWN, QUERY + UP), pair(), strict=True))
    assert told in refusal(tensors, {"lora_adapter_metadata": text})


# Families


@pytest.mark.parametrize(
    ("modules", "families"),
    [
        ([QUERY], ["sdxl"]),
        (["unet.down_blocks.0.attentions.0.proj_in"], ["sd15"]),
        (["unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"], ["sd15", "sdxl"]),
        (["unet.down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q"], ["sdxl"]),
        ([TEXT], ["sd15", "sdxl"]),
        ([TEXT_2], ["sdxl"]),
        (["unet.down_blocks.0.attentions.0.proj_in", TEXT_2], []),
    ],
)
def test_family_by_names(modules: list[str], families: list[str]) -> None:
    assert families_with(modules) == families


@pytest.mark.parametrize(
    ("name", "family", "told"),
    [
        ("kohya-ldm", "sd15", "--format kohya-ldm is for sdxl, the file is of family sd15"),
        ("kohya-ldm", None, "--format kohya-ldm is for sdxl, the file's names do not tell its family"),
        ("comfyui", None, "--format comfyui is for sd15 and sdxl, the file's names do not tell its family"),
        ("comfyui", "sd15", f"--format comfyui has no name for {QUERY}, which sd15 lacks"),
    ],
)
def test_blocks_that_cannot_be_counted(name: str, family: str | None, told: str) -> None:
    tensors = dict(zip((QUERY + DOWN, QUERY + UP), pair(), strict=True))
    with pytest.raises(ConfigError) as refused:
        write_pairs(tensors, name, family)
    assert told in str(refused.value)
    assert str(refused.value).endswith(": use --format kohya")


def test_text_encoders_are_numbered_where_there_are_two() -> None:
    tensors = dict(zip((TEXT + DOWN, TEXT + UP), pair(), strict=True))
    assert next(iter(write_pairs(tensors, "kohya", "sd15"))).startswith("lora_te_text_model_")
    assert next(iter(write_pairs(tensors, "kohya", "sdxl"))).startswith("lora_te1_text_model_")


# Header


def test_header_of_kohya() -> None:
    tensors = dict(zip((QUERY + DOWN, QUERY + UP), pair(), strict=True))
    inherited = {
        "modelspec.author": "A. N. Other",
        "modelspec.hash_sha256": "0x0",
        "modelspec.title": "old",
        "ss_network_alpha": "1",
        "ss_tag_frequency": "{}",
        "lora_adapter_metadata": "{}",
        "other": "x",
    }
    header = header_of(FORMATS["kohya-ldm"], "sdxl", "fox", tensors, inherited)
    assert header == {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.author": "A. N. Other",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": "fox",
        "ss_tag_frequency": "{}",
        "ss_network_module": "networks.lora",
        "ss_network_dim": "4",
        "ss_network_alpha": "4",
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_output_name": "fox",
        "ss_v2": "False",
    }


def test_header_without_a_family_or_with_ranks_that_differ() -> None:
    tensors = {QUERY + DOWN: torch.ones(2, 5), OUT + DOWN: torch.ones(4, 5)}
    assert header_of(FORMATS["diffusers"], None, "fox", tensors, {}) == {}
    header = header_of(FORMATS["kohya"], None, "fox", tensors, {})
    assert header["ss_network_dim"] == header["ss_network_alpha"] == "Dynamic"
    assert "ss_base_model_version" not in header


# Roles


def test_roles_end_at_a_dot() -> None:
    names = [
        "unet.up_blocks.0.attentions.1.proj_in.lora_A.weight",
        "unet.up_blocks.0.attentions.10.proj_in.lora_A.weight",
        "unet.up_blocks.0.attentions.0.proj_in.lora_A.weight",
        "text_encoder.up_blocks.0.attentions.0.proj_in.lora_A.weight",
    ]
    parts = split_by_role({name: torch.ones(1) for name in names}, SDXL_ROLES)
    assert {role: list(part) for role, part in parts.items() if part} == {"content": [names[2]], "style": [names[0]]}

"""Which layers B-LoRA learns, how they begin, and that nothing before them is in the graph."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from impasto.adapters.learnable import learning
from impasto.adapters.low_rank import DOWN, UP
from impasto.core.errors import ConfigError
from impasto.core.rng import generator
from impasto.methods.b_lora import BLoRA, BLoRASettings
from impasto.models.families.sdxl import SDXL_ROLES
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base

MATRICES = ("to_q", "to_k", "to_v", "to_out.0")


@pytest.fixture
def sdxl(tiny_folders: dict[str, Path]) -> Iterator[LatentDiffusion]:
    return open_base(str(tiny_folders["sdxl"]))


def attention_layers(base: LatentDiffusion, blocks: tuple[str, ...]) -> set[str]:
    """Names of q, k, v and out of all self- and cross-attention layers below some blocks."""
    return {
        f"unet.{path}.{matrix}"
        for path, _ in base.denoiser.named_modules()
        if path.endswith(("attn1", "attn2")) and path.startswith(tuple(f"{block}." for block in blocks))
        for matrix in MATRICES
    }


@pytest.mark.parametrize("roles", [("content",), ("style",), ("content", "style")])
def test_learns_attention_of_the_chosen_blocks_and_nothing_else(sdxl: LatentDiffusion, roles: tuple[str, ...]) -> None:
    blocks = tuple(block for role in roles for block in SDXL_ROLES[role])
    with learning(BLoRA(BLoRASettings(rank=2, roles=roles)).adapters(sdxl, generator(0))) as learnable:
        names = set(learnable.tensors())
    wanted = attention_layers(sdxl, blocks)
    assert wanted
    assert names == {f"{layer}{end}" for layer in wanted for end in (DOWN, UP)}


def test_begins_as_the_official_script_does(sdxl: LatentDiffusion) -> None:
    rank = 8
    with learning(BLoRA(BLoRASettings(rank=rank)).adapters(sdxl, generator(0))) as learnable:
        tensors = learnable.tensors()
    down = torch.cat([tensor.flatten() for name, tensor in tensors.items() if name.endswith(DOWN)])
    assert float(down.std()) == pytest.approx(1 / rank, rel=0.05)
    assert abs(float(down.mean())) < 3 / rank / len(down) ** 0.5
    assert all(not tensor.any() for name, tensor in tensors.items() if name.endswith(UP))


def test_nothing_before_the_first_learning_block_is_in_the_graph(sdxl: LatentDiffusion) -> None:
    in_graph: dict[str, bool] = {}

    def record(path: str):
        def hook(_: object, __: object, out: object) -> None:
            first = out[0] if isinstance(out, tuple) else getattr(out, "sample", out)
            in_graph[path] = first.requires_grad

        return hook

    watched = ("down_blocks.1.attentions.0", "mid_block", "up_blocks.0.resnets.0", *SDXL_ROLES["content"])
    hooks = [sdxl.denoiser.get_submodule(path).register_forward_hook(record(path)) for path in watched]
    words = sdxl.encode_prompts(["A [v]"])
    added = {"text_embeds": words.pooled, "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]])}
    with learning(BLoRA(BLoRASettings(rank=2)).adapters(sdxl, generator(0))):
        sdxl.denoiser(torch.randn(1, 4, 16, 16), 5, words.states.detach(), added_cond_kwargs=added)
    for hook in hooks:
        hook.remove()
    assert in_graph == dict.fromkeys(watched, False) | {SDXL_ROLES["content"][0]: True}


def test_roles_may_come_from_a_file(sdxl: LatentDiffusion, tmp_path: Path) -> None:
    path = tmp_path / "roles.json"
    path.write_text(json.dumps({"roles": {"style": ["down_blocks.1.attentions.0"]}}))
    settings = BLoRASettings(rank=2, roles=("style",), roles_file=path)
    assert BLoRA(settings).roles(sdxl) == {"style": ("down_blocks.1.attentions.0",)}
    with pytest.raises(ConfigError, match=r"role 'content' is not known for this base \(known: style\)"):
        BLoRA(BLoRASettings(rank=2, roles_file=path)).roles(sdxl)
    with pytest.raises(ConfigError, match=r"none\.json does not exist: name a roles\.json that impasto probe wrote"):
        BLoRA(BLoRASettings(rank=2, roles_file=tmp_path / "none.json")).roles(sdxl)

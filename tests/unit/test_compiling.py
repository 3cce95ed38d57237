"""Compiled blocks: taken off afterwards, and never fatal."""

import pytest
import torch
from torch import nn

from impasto.base.compiling import Compiled, compiled
from impasto.base.latent_diffusion import LatentDiffusion


def is_compiled(unet: nn.Module) -> bool:
    return any(module._compiled_call_impl is not None for module in unet.modules())


def test_blocks_are_taken_off_also_after_an_error(sdxl: LatentDiffusion):
    with pytest.raises(KeyError), compiled(sdxl.unet, lambda: None) as (blocks, note):
        assert blocks.is_on
        assert not note
        assert is_compiled(sdxl.unet)
        raise KeyError
    assert not is_compiled(sdxl.unet)


def test_failure_is_a_note_and_nothing_stays_compiled(sdxl: LatentDiffusion):
    def fail() -> None:
        raise RuntimeError("InductorError: no g++\nlong story")

    with compiled(sdxl.unet, fail) as (blocks, note):
        assert "no g++" in note
        assert "\n" not in note
        assert not blocks.is_on
        assert not is_compiled(sdxl.unet)


def test_out_of_memory_is_not_the_compilers_fault(sdxl: LatentDiffusion):
    def fail() -> None:
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError), compiled(sdxl.unet, fail):
        pass
    assert not is_compiled(sdxl.unet)


def test_a_network_without_repeated_blocks_is_told():
    with compiled(nn.Sequential(nn.Linear(2, 2)), lambda: None) as (_, note):
        assert "no block" in note


def test_transformer_and_residual_blocks_are_compiled(sdxl: LatentDiffusion):
    blocks = Compiled(sdxl.unet)
    assert {type(block).__name__ for block in blocks._blocks} == {"BasicTransformerBlock", "ResnetBlock2D"}

"""Compiled blocks are taken off afterwards."""

import pytest
from torch import nn

from impasto.models.computing.compiling import Compiled, compiled, why_not_compiled
from impasto.models.latent_diffusion import LatentDiffusion


def count_compiled(unet: nn.Module) -> int:
    return sum(module._compiled_call_impl is not None for module in unet.modules())


def test_blocks_are_taken_off_also_after_an_error(sdxl: LatentDiffusion):
    def fail():
        with compiled(sdxl.denoiser, sdxl.repeated_blocks, is_wanted=True) as blocks:
            assert blocks.is_on
            assert count_compiled(sdxl.denoiser) > 0
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert count_compiled(sdxl.denoiser) == 0


def test_nothing_is_compiled_that_is_not_wanted(sdxl: LatentDiffusion):
    with compiled(sdxl.denoiser, sdxl.repeated_blocks, is_wanted=False) as blocks:
        assert not blocks.is_on
        assert count_compiled(sdxl.denoiser) == 0


def test_a_pause_puts_the_same_code_back(sdxl: LatentDiffusion):
    with compiled(sdxl.denoiser, sdxl.repeated_blocks, is_wanted=True) as blocks:
        before = count_compiled(sdxl.denoiser)
        with blocks.paused():
            assert count_compiled(sdxl.denoiser) == 0
            assert not blocks.is_on
        assert blocks.is_on
        assert count_compiled(sdxl.denoiser) == before


def test_a_failure_is_told_in_one_line():
    line = why_not_compiled(RuntimeError("no g++\na long story"))
    assert "no g++" in line
    assert "\n" not in line


def test_transformer_and_residual_blocks_are_compiled(sdxl: LatentDiffusion):
    blocks = Compiled(sdxl.denoiser, sdxl.repeated_blocks)
    assert {type(block).__name__ for block in blocks._blocks} == {"BasicTransformerBlock", "ResnetBlock2D"}

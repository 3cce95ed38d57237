"""Single blocks of the UNet are shown other words, and none is afterwards."""

import pytest
import torch
from torch import nn

from impasto.core.rng import generator
from impasto.models.block_prompts import block_prompts
from impasto.models.conditioning import Conditioning, Geometry, joined
from impasto.models.latent_diffusion import LatentDiffusion

BLOCKS = [
    "down_blocks.1.attentions.0",
    "mid_block.attentions.0",
    "up_blocks.0.attentions.0",
    "up_blocks.0.attentions.1",
]


def hooks(unet: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in unet.modules())


def test_blocks_are_listed_in_the_order_of_a_forward_pass(base: LatentDiffusion) -> None:
    met: list[str] = []
    handles = [
        base.denoiser.get_submodule(block).register_forward_pre_hook(lambda *_, block=block: met.append(block))
        for block in base.blocks()
    ]
    x_t = torch.randn((1, 4, 16, 16), generator=generator(0))
    with torch.no_grad():
        base.predict(x_t, torch.tensor([500]), base.encode_prompts(["a fox"]), [Geometry.whole(32, 32)])
    for handle in handles:
        handle.remove()
    assert met == base.blocks() == BLOCKS


def test_hooks_are_gone_afterwards(sdxl: LatentDiffusion) -> None:
    states = sdxl.encode_prompts(["a fox"]).states
    with block_prompts(sdxl.denoiser, {BLOCKS[0]: states, BLOCKS[2]: states}):
        assert hooks(sdxl.denoiser) == 2
    assert hooks(sdxl.denoiser) == 0


def test_hooks_are_gone_after_an_exception(sdxl: LatentDiffusion) -> None:
    states = sdxl.encode_prompts(["a fox"]).states
    with pytest.raises(RuntimeError, match="on purpose"), block_prompts(sdxl.denoiser, {BLOCKS[0]: states}):
        raise RuntimeError("on purpose")
    assert hooks(sdxl.denoiser) == 0


def test_hooks_are_gone_when_a_later_block_does_not_exist(sdxl: LatentDiffusion) -> None:
    states = sdxl.encode_prompts(["a fox"]).states
    with pytest.raises(AttributeError), block_prompts(sdxl.denoiser, {BLOCKS[0]: states, "nowhere.0": states}):
        pass
    assert hooks(sdxl.denoiser) == 0


def test_joining_fills_in_the_states_of_parts_without_other_words() -> None:
    one, two = torch.ones(2, 3, 4), torch.full((1, 3, 4), 2.0)
    whole = joined([Conditioning(one), Conditioning(two, None, {"up": two + 1})])
    assert torch.equal(whole.states, torch.cat([one, two]))
    assert torch.equal(whole.per_block["up"], torch.cat([one, two + 1]))
    assert torch.equal(whole.rows([2, 0]).per_block["up"], torch.cat([two + 1, one[:1]]))

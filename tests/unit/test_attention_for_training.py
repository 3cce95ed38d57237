"""Attention that is written out gives the same result, and the base gets its own back."""

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

from impasto.core.rng import generator
from impasto.models.computing.attention import MAX_TOKENS, should_write_out, written_out
from impasto.models.conditioning import Geometry
from impasto.models.latent_diffusion import LatentDiffusion


def answer(base: LatentDiffusion) -> torch.Tensor:
    x_t = torch.randn((2, *base.latent_shape(32, 32)), generator=generator(0))
    words = base.encode_prompts(["a fox", "a castle"])
    return base.predict(x_t, torch.tensor([10, 700]), words, [Geometry.whole(32, 32)] * 2)


@torch.no_grad()
def test_same_answer_up_to_rounding(base: LatentDiffusion):
    fused = answer(base)
    with written_out(base.networks()):
        assert {type(p) for p in base.denoiser.attn_processors.values()} == {AttnProcessor}
        assert base.pipe.text_encoder.config._attn_implementation == "eager"
        torch.testing.assert_close(answer(base), fused, rtol=1e-4, atol=1e-5)


def test_networks_get_their_own_back_also_after_an_error(base: LatentDiffusion):
    before = dict(base.denoiser.attn_processors)
    implementation = base.pipe.text_encoder.config._attn_implementation
    with pytest.raises(KeyError), written_out(base.networks()):
        raise KeyError
    assert {name: id(each) for name, each in base.denoiser.attn_processors.items()} == {
        name: id(each) for name, each in before.items()
    }
    assert base.pipe.text_encoder.config._attn_implementation == implementation


def test_foreign_processors_stay(sdxl: LatentDiffusion):
    class Foreign(AttnProcessor2_0):
        pass

    name = next(iter(sdxl.denoiser.attn_processors))
    mine = Foreign()
    sdxl.denoiser.set_attn_processor({**sdxl.denoiser.attn_processors, name: mine})
    with written_out(sdxl.networks()):
        assert sdxl.denoiser.attn_processors[name] is mine


@pytest.mark.parametrize(
    ("device", "dtype", "tokens", "expected"),
    [
        ("cpu", torch.bfloat16, 256, True),
        ("cpu", torch.float32, 256, False),
        ("cpu", torch.bfloat16, MAX_TOKENS + 1, False),
        ("cuda", torch.bfloat16, 256, False),
    ],
)
def test_only_half_precision_on_cpus_is_written_out(device, dtype, tokens, expected):
    assert should_write_out(torch.device(device), dtype, tokens) is expected

"""A deeper denoiser computes what the denoiser computed, and its new layers learn."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from pretraining.deepen import deepened, deepened_adapter
from pretraining.denoiser import layers_of, make_denoiser
from pretraining.image_prompt import attach_image_prompt
from torch import Tensor


def predicted(model: UNet2DConditionModel, picture: Tensor | None = None) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    x_t, states = torch.randn((1, 16, 16, 16), generator=rng), torch.randn((1, 9, 256), generator=rng)
    added = {"text_embeds": torch.randn((1, 128), generator=rng), "time_ids": torch.full((1, 6), 128.0)}
    if picture is not None:
        added |= {"image_embeds": [picture]}
    v: Tensor = model(x_t, torch.tensor(500), states, added_cond_kwargs=added).sample
    return v


def test_more_layers_and_the_same_function() -> None:
    model = make_denoiser(2).eval()
    deep = deepened(model, 4)
    assert (layers_of(model.state_dict()), layers_of(deep.state_dict())) == (2, 4)
    with torch.no_grad():
        torch.testing.assert_close(predicted(deep), predicted(model), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="layers 4: the denoiser has 4, give more"):
        deepened(deep, 4)


def test_the_adapter_of_a_deeper_denoiser_shows_the_same_picture() -> None:
    model, rng = make_denoiser(2).eval(), torch.Generator().manual_seed(1)
    deep = deepened(model, 3)
    adapter = attach_image_prompt(model, 24, device=torch.device("cpu"))
    for weight in adapter["ip_adapter"].parameters():  # each layer its own, so that a wrong place is seen
        torch.nn.init.normal_(weight, std=0.1, generator=rng)
    deepened_adapter(adapter, model, deep, 24)
    picture = torch.randn((1, 1, 17, 24), generator=rng)
    with torch.no_grad():
        expected = predicted(model, picture)
        torch.testing.assert_close(predicted(deep, picture), expected, rtol=0, atol=1e-6)
        assert (expected - predicted(model, picture * 2)).abs().max() > 1e-4


def test_new_layers_learn() -> None:
    deep = deepened(make_denoiser(2), 3)
    predicted(deep).square().sum().backward()
    learnt = {name for name, weight in deep.named_parameters() if weight.grad is not None and weight.grad.any()}
    for part in ("attn1.to_out.0.weight", "attn2.to_out.0.weight", "ff.net.2.weight"):
        assert f"up_blocks.0.attentions.1.transformer_blocks.2.{part}" in learnt

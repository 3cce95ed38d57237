"""Layers read changed states as they read the former ones, where the change is linear."""

import pytest
import torch
from pretraining.denoiser import make_denoiser
from pretraining.realign import LinearMap, compose, compose_denoiser
from torch import Tensor


def turned(channels: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return former states, new states that a linear map turned and stretched, and the map back."""
    former = torch.randn((400, channels), generator=rng)
    away = torch.linalg.qr(torch.randn((channels, channels), generator=rng)).Q * 1.7
    found = LinearMap(channels)
    for part in torch.split(torch.arange(400), 90):
        found.add((former @ away)[part], former[part])
    return former, former @ away, found.solved()


def test_a_layer_reads_turned_states_as_before() -> None:
    rng = torch.Generator().manual_seed(0)
    former, new, back = turned(8, rng)
    layer = torch.nn.Linear(11, 5)  # three more inputs are no states
    more = torch.randn((400, 3), generator=rng)
    before = layer(torch.cat([former, more], dim=1))
    compose(layer.weight, back)
    after = layer(torch.cat([new, more], dim=1))
    assert (after - before).norm() < 0.01 * before.norm()  # the ridge takes a little


def test_a_denoiser_predicts_the_same_with_turned_words() -> None:
    rng = torch.Generator().manual_seed(1)
    model = make_denoiser().eval()
    states, pooled = turned(256, rng), turned(128, rng)
    x_t, sizes = torch.randn((2, 16, 16, 16), generator=rng), torch.full((2, 6), 128.0)

    def predicted(words: Tensor, embedding: Tensor) -> Tensor:
        added = {"text_embeds": embedding[:2], "time_ids": sizes}
        with torch.no_grad():
            v: Tensor = model(x_t, torch.tensor(500), words[:80].reshape(2, 40, 256), added_cond_kwargs=added).sample
        return v

    before, untold = predicted(states[0], pooled[0]), predicted(states[1], pooled[1])
    compose_denoiser(model, states[2], pooled[2])
    after = predicted(states[1], pooled[1])
    assert (after - before).norm() < 0.05 * (untold - before).norm()


def test_directions_that_never_occur_are_not_stretched() -> None:
    found = LinearMap(2)
    x = torch.tensor([[1.0, 1e-6], [2.0, -1e-6]])
    found.add(x, x)
    assert found.solved().abs().max() == pytest.approx(1, abs=0.01)

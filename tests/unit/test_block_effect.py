"""Effects of blocks against values worked out by hand."""

import pytest
import torch

from impasto.core.rng import generator
from impasto.metrics.block_effect import Interval, block_effects


def test_is_a_ratio_of_means_and_not_a_mean_of_ratios() -> None:
    plain, changed = torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.1])
    effects = block_effects(plain, changed, torch.tensor([[0.5], [0.1]]), generator(0))
    assert effects.blocks[0].mean == pytest.approx(0.6 / 1.1)
    assert effects.span.mean == pytest.approx(0.55)


def test_constant_shares_of_the_span_are_certain() -> None:
    rng = generator(1)
    plain, span = torch.randn(50, generator=rng), 1 + torch.rand(50, generator=rng)
    injected = torch.stack([plain, plain + span / 4, plain + span], dim=1)
    effects = block_effects(plain, plain + span, injected, generator(0))
    for effect, share in zip(effects.blocks, (0.0, 0.25, 1.0), strict=True):
        assert (effect.mean, effect.low, effect.high) == pytest.approx((share, share, share), abs=1e-5)


def test_interval_is_that_of_the_normal_approximation() -> None:
    shift = torch.randn(400, generator=generator(2)) + 3
    (effect,) = block_effects(torch.zeros(400), torch.ones(400), shift[:, None], generator(0)).blocks
    error = float(shift.std()) / 400**0.5
    assert effect.low == pytest.approx(effect.mean - 1.96 * error, abs=0.15 * error)
    assert effect.high == pytest.approx(effect.mean + 1.96 * error, abs=0.15 * error)


def test_same_generator_same_intervals() -> None:
    changed, injected = torch.rand(10, generator=generator(3)), torch.rand(10, 3, generator=generator(4))
    first, second = (block_effects(torch.zeros(10), changed, injected, generator(0)) for _ in range(2))
    assert first == second


def test_says_when_the_plain_pictures_do_not_differ() -> None:
    noise = torch.randn(30, generator=generator(5)) - 0.1
    assert not block_effects(torch.zeros(30), noise, noise[:, None], generator(0)).is_measurable
    assert block_effects(torch.zeros(30), noise + 3, noise[:, None], generator(0)).is_measurable


def test_intervals_that_overlap_are_not_apart() -> None:
    assert Interval(1, 0, 2).is_apart_from(Interval(4, 3, 5))
    assert Interval(4, 3, 5).is_apart_from(Interval(1, 0, 2))
    assert not Interval(1, 0, 3).is_apart_from(Interval(4, 3, 5))

"""Latents drawn again: a denoiser that knows the answer gives it back, and the rows that are not drawn again stay."""

from dataclasses import dataclass

import pytest
import torch
from pretraining.decoder import partly_redrawn
from pretraining.denoiser import noise_levels
from pretraining.redrawn import STRIDE, Redrawing
from tests.pocket_stages import random
from torch import Tensor

ALPHA_BAR = noise_levels().alphas_cumprod


@dataclass
class Knowing:
    """Predicts the v that leads from any x_t to `x_0`, and keeps the levels that it was asked at."""

    x_0: Tensor

    def __post_init__(self) -> None:
        self.levels: list[int] = []

    def __call__(self, x_t: Tensor, level: int, *_: object, **__: object) -> tuple[Tensor]:
        self.levels.append(level)
        signal, noise = ALPHA_BAR[level].sqrt(), (1 - ALPHA_BAR[level]).sqrt()
        return ((signal * x_t - self.x_0) / noise,)


def redrawing(unet: object) -> Redrawing:
    return Redrawing(unet, torch.zeros(1, 3, 4), torch.zeros(1, 5), ALPHA_BAR)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [1, 4])
def test_a_denoiser_that_knows_the_picture_draws_it_again(steps: int) -> None:
    x_0 = random(2, 16, 4, 4)
    unet = Knowing(x_0)
    drawn = redrawing(unet)(x_0, steps, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, x_0, rtol=0, atol=0.02)  # v is computed in half precision where that is quick
    assert unet.levels == [STRIDE * place for place in range(steps, 0, -1)]


def test_what_is_drawn_follows_the_denoiser_and_not_the_latents() -> None:
    x_0, other = random(2, 16, 4, 4), random(2, 16, 4, 4, seed=7)
    drawn = redrawing(Knowing(other))(x_0, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, other, rtol=0, atol=0.02)


def test_only_the_share_is_drawn_again() -> None:
    latents = random(8, 16, 4, 4)
    other = random(2, 16, 4, 4, seed=7)
    shown = partly_redrawn(latents, redrawing(Knowing(other)), 0.25, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(shown[:2], other, rtol=0, atol=0.02)
    assert torch.equal(shown[2:], latents[2:])

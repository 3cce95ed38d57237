"""The theory: inverses, invariants, closed forms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.diffusion.guidance import classifier_free
from impasto.diffusion.losses import squared_error, weighted_sum
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule(torch.linspace(0.999, 0.004, 100, dtype=torch.float64))
ZERO_SIGNAL = NoiseSchedule(torch.linspace(0.999, 0.0, 100, dtype=torch.float64))


def pictures(seed: int, count: int = 3) -> torch.Tensor:
    return torch.randn((count, 4, 5, 6), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None)
@given(seed=st.integers(0, 1000), timestep=st.integers(0, 99), prediction=st.sampled_from(Prediction))
def test_a_perfect_prediction_gives_x_0_back(seed: int, timestep: int, prediction: Prediction) -> None:
    x_0, epsilon, timesteps = pictures(seed), pictures(seed + 1), torch.full((3,), timestep)
    x_t = SCHEDULE.add_noise(x_0, epsilon, timesteps)
    target = prediction.target(SCHEDULE, x_0, epsilon, timesteps)
    torch.testing.assert_close(prediction.to_x_0(SCHEDULE, x_t, target, timesteps), x_0, rtol=0, atol=1e-9)


def test_v_is_defined_where_no_signal_is_left() -> None:
    x_0, epsilon, last = pictures(0), pictures(1), torch.full((3,), 99)
    x_t = ZERO_SIGNAL.add_noise(x_0, epsilon, last)
    assert torch.equal(x_t, epsilon)
    target = Prediction.V.target(ZERO_SIGNAL, x_0, epsilon, last)
    assert torch.equal(target, -x_0)
    assert torch.equal(Prediction.V.to_x_0(ZERO_SIGNAL, x_t, target, last), x_0)


@settings(deadline=None)
@given(timestep=st.integers(0, 99))
def test_signal_and_noise_keep_unit_variance(timestep: int) -> None:
    signal, noise = SCHEDULE.signal_and_noise(torch.tensor([timestep]))
    assert float(signal**2 + noise**2) == pytest.approx(1)


def test_guidance_one_is_the_text_branch_and_is_linear() -> None:
    unconditional, text = pictures(2), pictures(3)
    torch.testing.assert_close(classifier_free(unconditional, text, 1.0), text)
    assert torch.equal(classifier_free(unconditional, text, 0.0), unconditional)
    torch.testing.assert_close(classifier_free(unconditional, text, 3.0), 3 * text - 2 * unconditional)


def test_squared_error_is_a_mean_per_row() -> None:
    predicted = torch.zeros(2, 1, 2, 2)
    target = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]], [[[0.0, 0.0], [0.0, 2.0]]]])
    assert squared_error(predicted, target).tolist() == [7.5, 1.0]


def test_weighted_sum_needs_a_weight_for_every_term() -> None:
    terms = {"style": torch.tensor(2.0), "aux": torch.tensor(3.0)}
    assert float(weighted_sum(terms, {"style": 1.0, "aux": 0.5})) == 3.5
    with pytest.raises(KeyError, match="aux"):
        weighted_sum(terms, {"style": 1.0})

"""Weights of noise levels and offset noise: closed forms, and that what is minimised does not depend on the base."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from impasto.core.errors import ConfigError
from impasto.core.rng import generator
from impasto.diffusion.noise_process import VariancePreserving
from impasto.diffusion.objective import PLAIN, Objective
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.rectified_flow import RectifiedFlow
from impasto.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule(torch.linspace(0.999, 0.004, 1000, dtype=torch.double))
TIMESTEPS = st.integers(0, 999)
WEIGHTED = [Objective("min-snr"), Objective("min-snr", gamma=1.0), Objective("debiased")]


def process(prediction: Prediction = Prediction.V) -> VariancePreserving:
    return VariancePreserving(SCHEDULE, prediction)


def snr_at(t: int) -> float:
    alpha_bar = float(SCHEDULE.alpha_bar[t])
    return alpha_bar / (1 - alpha_bar)


@given(TIMESTEPS, st.floats(0.1, 50))
def test_min_snr_is_the_formula(t: int, gamma: float) -> None:
    """Weights of arXiv:2303.09556: min(SNR, γ) for x_0, over SNR for ε, over SNR + 1 for v."""
    snr, at = snr_at(t), torch.tensor([t])
    objective = Objective("min-snr", gamma)
    assert float(objective.weights_of_x_0(process(), at)) == pytest.approx(min(snr, gamma))
    assert float(objective.weights(process(Prediction.EPSILON), at)) == pytest.approx(min(snr, gamma) / snr)
    assert float(objective.weights(process(), at)) == pytest.approx(min(snr, gamma) / (snr + 1))


@given(TIMESTEPS)
def test_debiased_is_the_formula(t: int) -> None:
    """One over the root of SNR for ε, arXiv:2310.08442."""
    at = torch.tensor([t])
    assert float(Objective("debiased").weights(process(Prediction.EPSILON), at)) == pytest.approx(snr_at(t) ** -0.5)


@pytest.mark.parametrize("objective", WEIGHTED, ids=str)
@given(t=TIMESTEPS, seed=st.integers(0, 1000))
def test_the_same_is_minimised_whatever_a_base_predicts(objective: Objective, t: int, seed: int) -> None:
    """One and the same answer of a network, read as ε, as v and as x_0, has the same weighted error."""
    at, rng = torch.tensor([t]), generator(seed)
    x_0, epsilon, implied = (torch.randn(1, 2, 3, 3, generator=rng, dtype=torch.double) for _ in range(3))
    x_t = SCHEDULE.add_noise(x_0, epsilon, at)
    signal, noise = SCHEDULE.signal_and_noise(at)
    of_epsilon = (x_t - signal * implied) / noise
    of_v = signal * of_epsilon - noise * implied
    wanted = objective.weights_of_x_0(process(), at) * (implied - x_0).square().mean()
    for prediction, predicted in ((Prediction.EPSILON, of_epsilon), (Prediction.V, of_v)):
        error = (predicted - prediction.target(SCHEDULE, x_0, epsilon, at)).square().mean()
        weighted = objective.weights(process(prediction), at) * error
        assert float(weighted) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize("objective", WEIGHTED, ids=str)
@given(t=st.floats(0.02, 0.98), seed=st.integers(0, 1000))
def test_a_flow_minimises_the_same_error_of_x_0(objective: Objective, t: float, seed: int) -> None:
    flow, at = RectifiedFlow(), torch.tensor([t], dtype=torch.double)
    x_0, epsilon, predicted = (
        torch.randn(1, 2, 3, 3, generator=generator(seed + k), dtype=torch.double) for k in range(3)
    )
    implied = flow.to_x_0(flow.add_noise(x_0, epsilon, at), predicted, at)
    wanted = objective.weights_of_x_0(flow, at) * (implied - x_0).square().mean()
    error = (predicted - flow.target(x_0, epsilon, at)).square().mean()
    assert float(objective.weights(flow, at) * error) == pytest.approx(float(wanted), rel=1e-6)
    assert float(flow.snr(at)) == pytest.approx(float(flow.log_snr(at).exp()), rel=1e-9)


def test_without_weights_there_are_none() -> None:
    assert PLAIN.weights(process(), torch.tensor([1])) is None
    assert PLAIN.weights_of_x_0(process(), torch.tensor([1])) is None


def test_levels_without_signal() -> None:
    """Min-SNR counts them fully for ε; debiased weights would be infinite, and are refused."""
    table = NoiseSchedule(torch.tensor([0.9, 0.0]))
    last = VariancePreserving(table, Prediction.EPSILON)
    at = torch.tensor([1])
    assert float(Objective("min-snr").weights(last, at)) == 1.0
    with pytest.raises(ConfigError, match="--loss-weights debiased"):
        Objective("debiased").check(last)
    Objective("debiased").check(VariancePreserving(table, Prediction.V))
    Objective("debiased").check(process(Prediction.EPSILON))


def test_offset_noise_has_the_variance_that_it_should_have() -> None:
    """1 + offset² in all; offset² is shared by all places of a channel of a row, and by no others."""
    offset, rows, channels, side = 0.5, 4000, 2, 8
    noise = torch.randn(rows, channels, side, side, generator=generator(0))
    found = Objective(noise_offset=offset).offset(noise, [], generator(1))
    assert float(found.var()) == pytest.approx(1 + offset**2, rel=0.02)
    means = found.mean(dim=(2, 3))
    assert float(means.var()) == pytest.approx(offset**2 + 1 / side**2, rel=0.05)
    assert abs(float(torch.corrcoef(means.T)[0, 1])) < 0.06
    assert float((found - noise).std(dim=(2, 3)).max()) < 1e-6


def test_offsets_of_rows_come_from_their_own_generators() -> None:
    noise, objective = torch.zeros(3, 2, 4, 4), Objective(noise_offset=1.0)
    whole = objective.offset(noise, [generator(seed) for seed in (5, 6, 7)], generator(0))
    alone = objective.offset(noise[1:2], [generator(6)], generator(9))
    assert torch.equal(whole[1:2], alone)
    assert PLAIN.offset(noise, [], generator(0)) is noise
    assert math.isclose(float(objective.offset(noise, [], generator(3)).var()), 1.0, abs_tol=0.9)

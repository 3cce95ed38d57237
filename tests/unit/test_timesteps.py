"""Drawing levels of noise for training."""

import pytest
import torch

from impasto.core.rng import generator
from impasto.diffusion.noise_process import NoiseProcess, VariancePreserving
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.rectified_flow import RectifiedFlow
from impasto.diffusion.schedule import NoiseSchedule
from impasto.diffusion.timesteps import NormalLogSnr, as_trained


def process() -> VariancePreserving:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return VariancePreserving(NoiseSchedule(torch.cumprod(1 - betas, 0)), Prediction.V)


def test_a_table_is_covered_evenly() -> None:
    drawn = as_trained(process(), 20_000, generator(0))
    counts = torch.histc(drawn.float(), bins=10, min=0, max=1000)
    assert (counts / 2000 - 1).abs().max() < 0.1


@pytest.mark.parametrize("noise_process", [process(), RectifiedFlow(shift=3.0)])
def test_normal_log_snr_has_the_stated_mean_and_spread_inside_the_range(noise_process: NoiseProcess) -> None:
    drawn = NormalLogSnr(mean=0.0, std=1.0)(noise_process, 20_000, generator(0))
    log_snr = noise_process.log_snr(drawn)
    assert abs(float(log_snr.mean())) < 0.05
    assert abs(float(log_snr.std()) - 1) < 0.05


def test_style_friendly_levels_are_noisier_and_never_leave_the_schedule() -> None:
    drawn = NormalLogSnr()(process(), 5000, generator(0))
    assert drawn.min() >= 0
    assert drawn.max() <= 999
    assert drawn.float().mean() > 800
    counts = torch.bincount(drawn, minlength=1000)
    assert counts[999] < 0.05 * len(drawn)  # draws beyond the range are not piled up at its end


def test_zero_terminal_signal_is_no_trouble() -> None:
    zero_terminal = VariancePreserving(NoiseSchedule(torch.linspace(0.999, 0.0, 1000)), Prediction.V)
    assert NormalLogSnr()(zero_terminal, 100, generator(0)).max() <= 999

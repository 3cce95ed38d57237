"""Drawing timesteps for training."""

import torch

from impasto.core.rng import generator
from impasto.diffusion.schedule import NoiseSchedule
from impasto.diffusion.timesteps import NormalLogSnr, uniform


def schedule() -> NoiseSchedule:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return NoiseSchedule(torch.cumprod(1 - betas, 0))


def test_uniform_covers_the_schedule_evenly() -> None:
    drawn = uniform(schedule(), 20_000, generator(0))
    counts = torch.histc(drawn.float(), bins=10, min=0, max=1000)
    assert (counts / 2000 - 1).abs().max() < 0.1


def test_normal_log_snr_has_the_stated_mean_and_spread_inside_the_range() -> None:
    levels = schedule()
    drawn = NormalLogSnr(mean=0.0, std=1.0)(levels, 20_000, generator(0))
    log_snr = (levels.alpha_bar[drawn] / (1 - levels.alpha_bar[drawn])).log()
    assert abs(float(log_snr.mean())) < 0.05
    assert abs(float(log_snr.std()) - 1) < 0.05


def test_style_friendly_levels_are_noisier_and_never_leave_the_schedule() -> None:
    drawn = NormalLogSnr()(schedule(), 5000, generator(0))
    assert drawn.min() >= 0
    assert drawn.max() <= 999
    assert drawn.float().mean() > 800
    counts = torch.bincount(drawn, minlength=1000)
    assert counts[999] < 0.05 * len(drawn)  # draws beyond the range are not piled up at its end


def test_zero_terminal_signal_is_no_trouble() -> None:
    zero_terminal = NoiseSchedule(torch.linspace(0.999, 0.0, 1000))
    assert NormalLogSnr()(zero_terminal, 100, generator(0)).max() <= 999

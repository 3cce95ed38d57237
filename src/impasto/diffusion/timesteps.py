"""How training draws timesteps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Int
from torch import Tensor

from impasto.diffusion.schedule import NoiseSchedule

DrawTimesteps: TypeAlias = Callable[[NoiseSchedule, int, torch.Generator], Int[Tensor, " batch"]]
"""Maps (schedule, count, rng) to timesteps."""


def uniform(schedule: NoiseSchedule, count: int, rng: torch.Generator) -> Int[Tensor, " batch"]:
    """Return timesteps drawn uniformly, as DDPM does (arXiv:2006.11239, Algorithm 1)."""
    return torch.randint(len(schedule), (count,), generator=rng)


@dataclass(frozen=True, slots=True)
class NormalLogSnr:
    """Timesteps whose log signal-to-noise ratio is normal: λ = ln(ᾱ / (1 - ᾱ)) ~ N(mean, std²).

    A low mean shows noisy pictures more often, where style and layout are decided ("style-friendly", arXiv:2411.14793,
    Eq. 6, which draws for flow matching; here the nearest timestep of the discrete schedule is taken). Draws beyond
    the schedule's own range are repeated within it: SDXL's schedule ends at λ of about -5.4.

    Attributes:
        mean: Mean of λ.
        std: Standard deviation of λ, above 0.
    """

    mean: float = -6.0
    std: float = 2.0

    def __call__(self, schedule: NoiseSchedule, count: int, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return `count` timesteps."""
        log_snr = (schedule.alpha_bar / (1 - schedule.alpha_bar)).clamp(min=1e-9).log().cpu()
        uniform_in_range = self._cdf(log_snr.min()) + torch.rand(count, generator=rng) * (
            self._cdf(log_snr.max()) - self._cdf(log_snr.min())
        )
        drawn = self.mean + self.std * torch.special.ndtri(uniform_in_range.double()).float()
        nearest: Tensor = (log_snr[None, :] - drawn[:, None]).abs().argmin(dim=1)
        return nearest

    def _cdf(self, log_snr: Tensor) -> Tensor:
        probability: Tensor = torch.special.ndtr((log_snr - self.mean) / self.std)
        return probability

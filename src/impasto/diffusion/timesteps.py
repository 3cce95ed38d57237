"""How training draws levels of noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.diffusion.noise_process import Levels, NoiseProcess

DrawLevels: TypeAlias = Callable[[NoiseProcess, int, torch.Generator], Levels]
"""Maps (process, count, rng) to levels."""


def as_trained(process: NoiseProcess, count: int, rng: torch.Generator) -> Levels:
    """Return levels drawn as the process itself draws them."""
    return process.training_levels(count, rng)


@dataclass(frozen=True, slots=True)
class NormalLogSnr:
    """Levels whose log signal-to-noise ratio is normal: λ = ln(ᾱ / (1 - ᾱ)) ~ N(mean, std²).

    A low mean shows noisy pictures more often, where style and layout are decided ("style-friendly", arXiv:2411.14793,
    Eq. 6, which draws for flow matching; of a discrete schedule the nearest timestep is taken). Draws beyond a
    schedule's own range are repeated within it: SDXL's ends at λ of about -5.4.

    Attributes:
        mean: Mean of λ.
        std: Standard deviation of λ, above 0.
    """

    mean: float = -6.0
    std: float = 2.0

    def __call__(self, process: NoiseProcess, count: int, rng: torch.Generator) -> Levels:
        """Return `count` levels."""
        low, high = map(self._cdf, process.log_snr_range())
        uniform_in_range = low + torch.rand(count, generator=rng) * (high - low)
        drawn = self.mean + self.std * torch.special.ndtri(uniform_in_range.double()).float()
        return process.at_log_snr(drawn)

    def _cdf(self, log_snr: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        probability: Tensor = torch.special.ndtr((log_snr - self.mean) / self.std)
        return probability

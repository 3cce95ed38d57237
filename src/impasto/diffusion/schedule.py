"""The noise schedule: how much of the picture is left at each timestep.

x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε        arXiv:2006.11239, Eq. 4
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from impasto.core.device import to_device


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """A discrete variance-preserving schedule.

    Attributes:
        alpha_bar: ᾱ_t, the cumulative product of 1 - β, one value per timestep, falling.
    """

    alpha_bar: Float[Tensor, " timesteps"]

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def signal_and_noise(self, timesteps: Int[Tensor, " batch"]) -> tuple[Tensor, Tensor]:
        """Return √ᾱ_t and √(1 - ᾱ_t), each of shape (batch, 1, 1, 1)."""
        alpha_bar = to_device(self.alpha_bar, timesteps.device)[timesteps].view(-1, 1, 1, 1)
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def add_noise(
        self, x_0: Float[Tensor, "batch c h w"], epsilon: Float[Tensor, "batch c h w"], timesteps: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch c h w"]:
        """Return x_t (Eq. 4)."""
        signal, noise = self.signal_and_noise(timesteps)
        return signal * x_0 + noise * epsilon

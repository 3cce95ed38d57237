"""Rectified flow: straight lines from pictures to noise, and a network that predicts the way along them.

x_t = (1 - t) x_0 + t ε              arXiv:2403.03206, Eq. 13
v = dx_t / dt = ε - x_0              arXiv:2209.03003, Eq. 1, with time running towards noise
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.diffusion.noise_process import Latents

_THOUSANDTHS = 1000.0
Times = Float[Tensor, " batch"]
"""One time a row, from 0 (picture) to 1 (noise)."""


def shifted(times: Float[Tensor, "*any"], shift: float) -> Float[Tensor, "*any"]:
    """Return t' = s t / (1 + (s - 1) t): the same order, and log SNR less by 2 log s (arXiv:2403.03206, Eq. 23).

    Large pictures need more noise for the same loss of what they show, hence s > 1: √(m / n) for m pixels in place
    of n. `shift` is above 0; 1 changes nothing.
    """
    return shift * times / (1 + (shift - 1) * times)


@dataclass(frozen=True, slots=True)
class RectifiedFlow:
    """A `NoiseProcess` with times in [0, 1] as levels and v as the prediction.

    Attributes:
        shift: Of all times, in training and in drawing; above 0.
        location: Of the logits of times in training, before the shift.
        scale: Their standard deviation, above 0.
    """

    shift: float = 1.0
    location: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("shift", self.shift), ("scale", self.scale)):
            if not value > 0:
                raise ValueError(f"{name}: {value} is not above 0; 1 is the plain rectified flow")

    @property
    def predicts(self) -> str:
        """The velocity."""
        return "velocity"

    def add_noise(self, x_0: Latents, epsilon: Latents, levels: Times) -> Latents:
        """Return x_t (Eq. 13)."""
        t = _by_row(levels)
        return (1 - t) * x_0 + t * epsilon

    def target(self, x_0: Latents, epsilon: Latents, levels: Times) -> Latents:  # noqa: ARG002 - the same at all times
        """Return v."""
        return epsilon - x_0

    def to_x_0(self, x_t: Latents, predicted: Latents, levels: Times) -> Latents:
        """Return the clean end of the line: x_t - t v."""
        return x_t - _by_row(levels) * predicted

    def to_epsilon(self, x_t: Latents, predicted: Latents, levels: Times) -> Latents:
        """Return the noisy end of the line: x_t + (1 - t) v."""
        return x_t + (1 - _by_row(levels)) * predicted

    def log_snr(self, levels: Times) -> Times:
        """Return 2 log((1 - t) / t)."""
        return 2 * ((1 - levels).log() - levels.log())

    def snr(self, levels: Times) -> Times:
        """Return ((1 - t) / t)²."""
        return ((1 - levels) / levels) ** 2

    def error_of_x_0(self, levels: Times) -> Times:
        """Return t²."""
        return levels**2

    def training_levels(self, count: int, rng: torch.Generator) -> Times:
        """Return logit-normal times, most of them in the middle (arXiv:2403.03206, Eq. 19), shifted."""
        logits = self.location + self.scale * torch.randn(count, generator=rng, device=rng.device)
        return shifted(logits.sigmoid(), self.shift)

    def drawing_levels(self, steps: int) -> Float[Tensor, " steps"]:
        """Return times at equal distances from 1 to 1 / steps, shifted; the last step ends at 0."""
        if steps < 1:
            raise ValueError(f"steps: {steps}; at least 1 is needed")
        return shifted(torch.arange(steps, 0, -1, dtype=torch.float64) / steps, self.shift)

    def to_timesteps(self, levels: Times) -> Times:
        """Return thousandths, as diffusers counts times."""
        return levels * _THOUSANDTHS

    def to_levels(self, timesteps: Times) -> Times:
        """Return times in [0, 1]."""
        return timesteps / _THOUSANDTHS

    def log_snr_range(self) -> tuple[Tensor, Tensor]:
        """Return -inf and inf: all times are trained on."""
        return torch.tensor(-torch.inf), torch.tensor(torch.inf)

    def at_log_snr(self, log_snr: Times) -> Times:
        """Return 1 / (1 + √SNR)."""
        return (-log_snr / 2).sigmoid()


def euler(
    velocity: Callable[[Latents, Times], Latents], noise: Latents, levels: Float[Tensor, " steps"]
) -> Iterator[Latents]:
    """Yield latents after every step of dx = v dt (arXiv:2403.03206, Eq. 1), by Euler's method.

    Args:
        velocity: The network; shown x_t and one time a row, in float32 where latents are halves.
        noise: Latents at the first level.
        levels: Falling times; after the last one comes 0.
    """
    x_t, precision = noise, torch.promote_types(noise.dtype, torch.float32)
    for t, following in zip(levels, [*levels[1:], levels.new_zeros(())], strict=True):
        x_t = x_t + (following - t) * velocity(x_t, t.to(x_t.device, precision).expand(len(x_t)))
        yield x_t


def _by_row(levels: Times) -> Float[Tensor, "batch 1 1 1"]:
    return levels.view(-1, 1, 1, 1)

"""How pictures turn into noise, and what a network has to predict to turn noise into pictures.

x_t = a(t) x_0 + b(t) ε, and a prediction that is linear in x_0 and ε. Whoever writes against `NoiseProcess` need not
know whether the levels are timesteps of a table or times in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule
from impasto.diffusion.timesteps import DrawTimesteps, uniform

Latents: TypeAlias = Float[Tensor, "batch c h w"]
Levels: TypeAlias = Shaped[Tensor, " batch"]
"""One level of noise a row, in the process's own unit; more noise at a higher one."""


class NoiseProcess(Protocol):
    """A way from pictures to noise and back."""

    def add_noise(self, x_0: Latents, epsilon: Latents, levels: Levels) -> Latents:
        """Return x_t."""

    def target(self, x_0: Latents, epsilon: Latents, levels: Levels) -> Latents:
        """Return what a perfect network would predict."""

    def to_x_0(self, x_t: Latents, predicted: Latents, levels: Levels) -> Latents:
        """Return the clean latents that a prediction implies."""

    def to_epsilon(self, x_t: Latents, predicted: Latents, levels: Levels) -> Latents:
        """Return the noise that a prediction implies."""

    def log_snr(self, levels: Levels) -> Float[Tensor, " batch"]:
        """Return log(a² / b²): inf where there is no noise, -inf where nothing but noise."""

    def training_levels(self, count: int, rng: torch.Generator) -> Levels:
        """Return random levels to train on, on the generator's device."""

    def drawing_levels(self, steps: int) -> Shaped[Tensor, " steps"]:
        """Return the falling levels that the network is shown in a run of `steps` steps."""


@dataclass(frozen=True, slots=True)
class VariancePreserving:
    """a² + b² = 1, at the timesteps of a table (arXiv:2006.11239, Eq. 4).

    Attributes:
        schedule: ᾱ of every timestep.
        prediction: What the network predicts.
        draw_timesteps: How timesteps are drawn in training.
    """

    schedule: NoiseSchedule
    prediction: Prediction
    draw_timesteps: DrawTimesteps = uniform

    def add_noise(self, x_0: Latents, epsilon: Latents, levels: Levels) -> Latents:
        """Return x_t."""
        return self.schedule.add_noise(x_0, epsilon, levels)

    def target(self, x_0: Latents, epsilon: Latents, levels: Levels) -> Latents:
        """Return ε or v."""
        return self.prediction.target(self.schedule, x_0, epsilon, levels)

    def to_x_0(self, x_t: Latents, predicted: Latents, levels: Levels) -> Latents:
        """Return the clean latents; with ε they are undefined where no signal is left."""
        return self.prediction.to_x_0(self.schedule, x_t, predicted, levels)

    def to_epsilon(self, x_t: Latents, predicted: Latents, levels: Levels) -> Latents:
        """Return the noise: the prediction itself, or b x_t + a v (arXiv:2202.00512, Appendix D)."""
        if self.prediction is Prediction.EPSILON:
            return predicted
        signal, noise = self.schedule.signal_and_noise(levels)
        return noise * x_t + signal * predicted

    def log_snr(self, levels: Levels) -> Float[Tensor, " batch"]:
        """Return log(ᾱ_t / (1 - ᾱ_t))."""
        signal, noise = self.schedule.signal_and_noise(levels)
        return 2 * (signal.log() - noise.log()).flatten()

    def training_levels(self, count: int, rng: torch.Generator) -> Levels:
        """Return random timesteps."""
        return self.draw_timesteps(self.schedule, count, rng)

    def drawing_levels(self, steps: int) -> Shaped[Tensor, " steps"]:
        """Return timesteps at equal distances, the noisiest first (arXiv:2305.08891, Table 2: "trailing")."""
        length = len(self.schedule)
        if not 1 <= steps <= length:
            raise ValueError(f"steps: {steps}; a schedule of {length} timesteps has room for 1 to {length}")
        return (length - torch.arange(steps, dtype=torch.float64) * length / steps).round().long() - 1

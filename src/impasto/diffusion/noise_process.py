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

from impasto.core.device import to_device
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule

Latents: TypeAlias = Float[Tensor, "batch c h w"]
Levels: TypeAlias = Shaped[Tensor, " batch"]
"""One level of noise a row, in the process's own unit; more noise at a higher one."""


class NoiseProcess(Protocol):
    """A way from pictures to noise and back."""

    @property
    def predicts(self) -> str:
        """What the network predicts, in a word."""

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

    def snr(self, levels: Levels) -> Float[Tensor, " batch"]:
        """Return a² / b²."""

    def error_of_x_0(self, levels: Levels) -> Float[Tensor, " batch"]:
        """Return how many times the squared error of a prediction that of the clean latents is."""

    def training_levels(self, count: int, rng: torch.Generator) -> Levels:
        """Return random levels to train on, on the generator's device."""

    def drawing_levels(self, steps: int) -> Shaped[Tensor, " steps"]:
        """Return the falling levels that the network is shown in a run of `steps` steps."""

    def to_timesteps(self, levels: Levels) -> Levels:
        """Return levels as the network and diffusers' schedulers count them."""

    def to_levels(self, timesteps: Levels) -> Levels:
        """Return the levels of timesteps, the nearest where there are only so many."""

    def log_snr_range(self) -> tuple[Tensor, Tensor]:
        """Return the least and the greatest log SNR that the network was trained on."""

    def at_log_snr(self, log_snr: Float[Tensor, " batch"]) -> Levels:
        """Return the levels with this log SNR, or the nearest."""


@dataclass(frozen=True, slots=True)
class VariancePreserving:
    """a² + b² = 1, at the timesteps of a table (arXiv:2006.11239, Eq. 4).

    Attributes:
        schedule: ᾱ of every timestep.
        prediction: What the network predicts.
    """

    schedule: NoiseSchedule
    prediction: Prediction

    @property
    def predicts(self) -> str:
        """Either "epsilon" or "v"."""
        return self.prediction.name.lower()

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

    def snr(self, levels: Levels) -> Float[Tensor, " batch"]:
        """Return ᾱ_t / (1 - ᾱ_t)."""
        alpha_bar = self._alpha_bar(levels)
        return alpha_bar / (1 - alpha_bar)

    def error_of_x_0(self, levels: Levels) -> Float[Tensor, " batch"]:
        """Return (1 - ᾱ_t) / ᾱ_t for ε, 1 - ᾱ_t for v."""
        alpha_bar = self._alpha_bar(levels)
        return (1 - alpha_bar) / (alpha_bar if self.prediction is Prediction.EPSILON else 1)

    def _alpha_bar(self, levels: Levels) -> Float[Tensor, " batch"]:
        return to_device(self.schedule.alpha_bar, levels.device)[levels]

    def training_levels(self, count: int, rng: torch.Generator) -> Levels:
        """Return timesteps drawn uniformly, as DDPM does (arXiv:2006.11239, Algorithm 1)."""
        return torch.randint(len(self.schedule), (count,), generator=rng, device=rng.device)

    def drawing_levels(self, steps: int) -> Shaped[Tensor, " steps"]:
        """Return timesteps at equal distances, the noisiest first (arXiv:2305.08891, Table 2: "trailing")."""
        length = len(self.schedule)
        if not 1 <= steps <= length:
            raise ValueError(f"steps: {steps}; a schedule of {length} timesteps has room for 1 to {length}")
        return (length - torch.arange(steps, dtype=torch.float64) * length / steps).round().long() - 1

    def to_timesteps(self, levels: Levels) -> Levels:
        """Return the levels: they are timesteps."""
        return levels

    def to_levels(self, timesteps: Levels) -> Levels:
        """Return the nearest timesteps of the table."""
        return timesteps.round().long()

    def log_snr_range(self) -> tuple[Tensor, Tensor]:
        """Return λ of the last and of the first timestep."""
        found = self._log_snrs()
        return found.min(), found.max()

    def at_log_snr(self, log_snr: Float[Tensor, " batch"]) -> Levels:
        """Return the timesteps whose λ is nearest."""
        nearest: Tensor = (self._log_snrs()[None, :] - log_snr[:, None]).abs().argmin(dim=1)
        return nearest

    def _log_snrs(self) -> Float[Tensor, " timesteps"]:
        """Return λ of every timestep, kept finite."""
        alpha_bar = self.schedule.alpha_bar
        return (alpha_bar / (1 - alpha_bar)).clamp(min=1e-9).log().cpu()

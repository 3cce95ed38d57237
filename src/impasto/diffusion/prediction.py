"""What a network predicts, and how the predictions turn into one another.

v = √ᾱ_t ε - √(1 - ᾱ_t) x_0          arXiv:2202.00512, Appendix D
"""

from __future__ import annotations

from enum import StrEnum

from jaxtyping import Float, Int
from torch import Tensor

from impasto.diffusion.schedule import NoiseSchedule


class Prediction(StrEnum):
    """The quantity that the network is trained to predict; values as diffusers names them."""

    EPSILON = "epsilon"
    V = "v_prediction"

    def target(
        self,
        schedule: NoiseSchedule,
        x_0: Float[Tensor, "batch c h w"],
        epsilon: Float[Tensor, "batch c h w"],
        timesteps: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch c h w"]:
        """Return what a perfect network would predict."""
        if self is Prediction.EPSILON:
            return epsilon
        signal, noise = schedule.signal_and_noise(timesteps)
        return signal * epsilon - noise * x_0

    def to_x_0(
        self,
        schedule: NoiseSchedule,
        x_t: Float[Tensor, "batch c h w"],
        predicted: Float[Tensor, "batch c h w"],
        timesteps: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch c h w"]:
        """Return the clean latents that `predicted` implies.

        With epsilon the result is undefined where no signal is left (ᾱ_t = 0); v is defined everywhere.
        """
        signal, noise = schedule.signal_and_noise(timesteps)
        if self is Prediction.EPSILON:
            return (x_t - noise * predicted) / signal
        return signal * x_t - noise * predicted

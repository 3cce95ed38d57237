"""What every method's loss may be given beside its own formula: weights of noise levels, and an offset of the noise.

With SNR = ᾱ_t / (1 - ᾱ_t), the error of one prediction is a multiple of the error of the clean latents:

||ε - ε̂||² = SNR ||x_0 - x̂_0||²        ||v - v̂||² = (SNR + 1) ||x_0 - x̂_0||²

and 1 / t² times as large for a rectified flow (`NoiseProcess.error_of_x_0` is the inverse of these),
so weights are written for the error of x_0 and divided by that factor. The same is then minimised, whatever a base
predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.errors import ConfigError
from impasto.core.rng import noise_for
from impasto.diffusion.noise_process import Levels, NoiseProcess, VariancePreserving
from impasto.diffusion.prediction import Prediction

_NO_SIGNAL = -20.0
"""Of log SNR: what a table without any signal at its end says, kept finite."""
Weighting: TypeAlias = Literal["none", "min-snr", "debiased"]


@dataclass(frozen=True, slots=True)
class Objective:
    """How much noise levels count, and how noise is drawn; the defaults change nothing.

    Attributes:
        weighting: "none" leaves errors as they are. "min-snr" weights that of x_0 by min(SNR, γ) (Efficient Diffusion
            Training via Min-SNR Weighting Strategy, arXiv:2303.09556, Sec. 3.4). "debiased" weights it by √SNR, which
            is 1/√SNR for ε (Debias the Training of Diffusion Models, arXiv:2310.08442).
        gamma: γ of min-snr.
        noise_offset: Deviation of a constant that is added to each channel of the noise (Diffusion with Offset Noise,
            N. Guttenberg, 2023), so that ε has the variance 1 + offset².
    """

    weighting: Weighting = "none"
    gamma: float = 5.0
    noise_offset: float = 0.0

    def check(self, process: NoiseProcess) -> None:
        """Raise `ConfigError` where the weights are not finite: debiased ones of ε without any signal."""
        is_epsilon = isinstance(process, VariancePreserving) and process.prediction is Prediction.EPSILON
        if self.weighting == "debiased" and is_epsilon and float(process.log_snr_range()[0]) < _NO_SIGNAL:
            raise ConfigError(
                "--loss-weights debiased divides by the signal, and this base's last timestep has none: take min-snr, "
                "or --zero-snr no where the base says so wrongly"
            )

    def weights(self, process: NoiseProcess, levels: Levels) -> Float[Tensor, " batch"] | None:
        """Return what the error of the prediction is multiplied by, for each row; None for "none"."""
        if self.weighting == "none":
            return None
        if isinstance(process, VariancePreserving) and process.prediction is Prediction.EPSILON:
            inverse = process.error_of_x_0(levels)  # infinite without signal, where min-snr counts fully
            return (self.gamma * inverse).clamp(max=1.0) if self.weighting == "min-snr" else inverse.sqrt()
        of_x_0 = self.weights_of_x_0(process, levels)
        return None if of_x_0 is None else of_x_0 * process.error_of_x_0(levels)

    def weights_of_x_0(self, process: NoiseProcess, levels: Levels) -> Float[Tensor, " batch"] | None:
        """Return what the error of the clean latents is multiplied by, for each row; None for "none"."""
        if self.weighting == "none":
            return None
        snr = process.snr(levels)
        return snr.clamp(max=self.gamma) if self.weighting == "min-snr" else snr.sqrt()

    def offset(
        self, noise: Float[Tensor, "batch c h w"], rngs: Sequence[torch.Generator], rng: torch.Generator
    ) -> Float[Tensor, "batch c h w"]:
        """Return the noise with its offset; without one, nothing is drawn.

        Args:
            noise: Standard normal.
            rngs: One for each row, which draws its offset.
            rng: Draws all offsets where there are none.
        """
        if not self.noise_offset:
            return noise
        shape = (noise.shape[1], 1, 1)
        drawn = noise_for(rngs, shape) if rngs else torch.randn((len(noise), *shape), generator=rng)
        return noise + self.noise_offset * drawn


PLAIN = Objective()
"""What the papers minimise."""

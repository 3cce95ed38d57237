"""What the loss counts and the noise that is added, the same for every method; the defaults change no paper's loss."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under
from impasto.diffusion.objective import Objective, Weighting

_GAMMA = 5.0


@listed_under(Group.LEARNING)
class LossConfig(Config):
    """How much each noise level counts, and an offset of the noise."""

    loss_weights: Weighting = "none"
    """How noise levels count: none as the method says, min-snr (arXiv:2303.09556), debiased (arXiv:2310.08442)."""
    snr_gamma: float = Field(default=_GAMMA, gt=0)
    """γ of min-snr: levels with a larger signal-to-noise ratio than this count less."""
    noise_offset: float = Field(default=0.0, ge=0, le=1)
    """Deviation of a constant added to each channel of the noise, e.g. 0.05: darker darks, lighter lights."""

    @model_validator(mode="after")
    def _gamma_has_an_effect(self) -> Self:
        if self.snr_gamma != _GAMMA and self.loss_weights != "min-snr":
            raise ValueError(f"snr_gamma = {self.snr_gamma:g} has no effect without loss_weights min-snr: leave it out")
        return self

    def what_is_minimised(self) -> Objective:
        """Return the same as the theory has it."""
        return Objective(self.loss_weights, self.snr_gamma, self.noise_offset)

"""Where the denoising loop is. Passed down to whoever needs it, never counted inside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One denoising step.

    Attributes:
        index: 0 at the noisiest step.
        count: How many steps there are.
        timestep: The timestep of the training schedule.
    """

    index: int
    count: int
    timestep: float

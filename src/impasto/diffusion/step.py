"""Where the denoising loop is. Passed down to whoever needs it, never counted inside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

Window: TypeAlias = tuple[float, float]
"""A part of a run as fractions of its steps: from the first, included, to the second, left out."""


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

    def is_within(self, window: Window) -> bool:
        """Return whether the step lies in `window`.

        Ends are rounded up: 0.4 of 50 steps are the first 20, of 4 steps the first 2, of 1 step that one. Windows that
        share an end therefore share no step and leave none out.
        """
        first, end = (math.ceil(fraction * self.count - 1e-9) for fraction in window)
        return first <= self.index < end

"""Read losses from the device a few steps late, so that nobody waits for it in every step.

`.item()` stops the processor until the device is done, and then the device until the next step is prepared. Here the
numbers of several steps are fetched together. A step whose loss or gradient is not finite is still found and named,
and nothing of it, or of what came after, gets into the weights: the fused optimiser is told on the device to leave
out such steps (`found_inf`, made for loss scaling), and once there was one, all that follow.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.data.streams import Batch

EVERY_ON_DEVICE = 10
"""Steps between two readings where reading means waiting."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One step, as it was read.

    Attributes:
        step: Its number.
        values: Loss under "" and terms by name.
        is_finite: Whether loss and gradient were.
        batches: What was shown.
        seconds: The step's share of the time since the last reading.
    """

    step: int
    values: dict[str, float]
    is_finite: bool
    batches: tuple[Batch, ...]
    seconds: float


class LossBuffer:
    """What was not read yet.

    Args:
        device: Where the losses are.
        every: Steps between readings; 1 reads every step.
    """

    def __init__(self, device: torch.device, every: int) -> None:
        self._every = every
        self._kept: list[tuple[int, Mapping[str, Tensor], Tensor, tuple[Batch, ...]]] = []
        self._broken = torch.zeros((), device=device)
        self._since = time.perf_counter()

    def judge(self, optimizer: torch.optim.Optimizer, loss: Tensor, norm: Tensor) -> None:
        """Tell a fused optimiser to leave out this step if its numbers are not finite, and all steps after it."""
        is_bad = ~(torch.isfinite(loss) & torch.isfinite(norm))
        self._broken = torch.maximum(self._broken, is_bad.to(self._broken.dtype))
        optimizer.found_inf = self._broken  # type: ignore[attr-defined]  # read by torch's fused optimisers

    def add(self, step: int, values: Mapping[str, Tensor], norm: Tensor, batches: tuple[Batch, ...]) -> None:
        """Keep the numbers of a step, on the device."""
        self._kept.append((step, values, norm, batches))

    @property
    def is_due(self) -> bool:
        """Whether it is time to read."""
        return len(self._kept) >= self._every

    def begin(self) -> None:
        """Time counts from here: what was done between steps, such as drawing samples, is not the steps'."""
        if not self._kept:
            self._since = time.perf_counter()

    def read(self) -> list[Reading]:
        """Return all steps that were not read yet, in order; waits for the device once."""
        kept, self._kept = self._kept, []
        if not kept:
            return []
        numbers = torch.stack([torch.stack([*values.values(), norm]).float() for _, values, norm, _ in kept]).tolist()
        now = time.perf_counter()
        seconds = (now - self._since) / len(kept)
        self._since = now
        return [
            Reading(
                step,
                dict(zip(values, row, strict=False)),
                math.isfinite(row[0]) and math.isfinite(row[-1]),
                batches,
                seconds,
            )
            for (step, values, _, batches), row in zip(kept, numbers, strict=True)
        ]

"""A moving average of what is learnt, which is smoother than the weights of any one step.

θ̄ ← d θ̄ + (1 - d) θ, with d = min(decay, (1 + n) / (10 + n)) after n updates, so that a short run does not keep its
first weights (the warm-up of the averaging in diffusers' `EMAModel`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The average of some parameters; takes as much memory again as they do, in float32.

    Args:
        parameters: Read at every update, never changed but in `shown`.
        decay: Below 1; the closer, the longer the memory.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self._parameters = list(parameters)
        self._decay = decay
        self._average = [parameter.detach().float().clone() for parameter in self._parameters]
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters of one more step into the average."""
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        now = [parameter.detach().float() for parameter in self._parameters]
        torch._foreach_lerp_(self._average, now, 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Put the average in the parameters' place for the length of the block: to draw with it, or to save it."""
        kept = [parameter.detach().clone() for parameter in self._parameters]
        try:
            self._write(self._average)
            yield
        finally:
            self._write(kept)

    @torch.no_grad()
    def _write(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            parameter.copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """Return the average for a checkpoint, detached, on the CPU, by its place in the list of parameters."""
        return {str(index): value.detach().cpu().clone() for index, value in enumerate(self._average)}

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor], updates: int) -> None:
        """Go on from what `tensors` returned after `updates` updates."""
        for index, value in enumerate(self._average):
            value.copy_(tensors[str(index)])
        self.updates = updates

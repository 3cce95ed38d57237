"""What the words and the picture's size become before the network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Encoded prompts.

    Attributes:
        states: Token states for cross-attention.
        pooled: Pooled embedding, or None in families without one.
    """

    states: Float[Tensor, "batch tokens dim"]
    pooled: Float[Tensor, "batch pooled_dim"] | None = None

    def __len__(self) -> int:
        return len(self.states)

    def rows(self, index: Sequence[int]) -> Conditioning:
        """Return the given rows, in the given order; rows may repeat."""
        chosen = torch.tensor(list(index), device=self.states.device)
        return Conditioning(self.states[chosen], None if self.pooled is None else self.pooled[chosen])

    def zeros_like(self) -> Conditioning:
        """Return conditioning of the same shape that says nothing."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return Conditioning(torch.zeros_like(self.states), pooled)


def joined(parts: Sequence[Conditioning]) -> Conditioning:
    """Return the rows of all `parts`, in order."""
    pooled = [part.pooled for part in parts if part.pooled is not None]
    return Conditioning(torch.cat([part.states for part in parts]), torch.cat(pooled) if pooled else None)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a training picture was cut: SDXL's size conditioning (arXiv:2307.01952, Sec. 2.2), in pixels.

    Attributes:
        original: (height, width) before resizing.
        crop: (top, left) of the crop after resizing.
        target: (height, width) that is drawn.
    """

    original: tuple[int, int]
    crop: tuple[int, int]
    target: tuple[int, int]

    @classmethod
    def whole(cls, height: int, width: int) -> Geometry:
        """Return the geometry of a picture that was neither resized nor cut."""
        return cls((height, width), (0, 0), (height, width))

    def time_ids(self) -> tuple[int, ...]:
        """Return SDXL's six numbers."""
        return (*self.original, *self.crop, *self.target)

"""What the words and the picture's size become before the network sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Encoded prompts.

    Attributes:
        states: Token states for cross-attention; a long prompt has several windows of the text encoder's length.
        pooled: Pooled embedding, or None in families without one.
        per_block: Other token states for single blocks of the denoiser, by the block's path; the same rows as `states`.
    """

    states: Float[Tensor, "batch tokens dim"]
    pooled: Float[Tensor, "batch pooled_dim"] | None = None
    per_block: Mapping[str, Float[Tensor, "batch tokens dim"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.states)

    def rows(self, index: Sequence[int]) -> Conditioning:
        """Return the given rows, in the given order; rows may repeat."""
        chosen = torch.tensor(list(index), device=self.states.device)
        per_block = {block: states[chosen] for block, states in self.per_block.items()}
        return Conditioning(self.states[chosen], None if self.pooled is None else self.pooled[chosen], per_block)

    def lengthened(self, nothing: Float[Tensor, "#batch window dim"], tokens: int) -> Conditioning:
        """Return conditioning with windows of `nothing` behind its own, `tokens` in all; blocks get them too."""

        def longer(states: Tensor) -> Tensor:
            missing = (tokens - states.shape[1]) // nothing.shape[1]
            return torch.cat([states, *[nothing.expand(len(states), -1, -1)] * missing], dim=1)

        per_block = {block: longer(states) for block, states in self.per_block.items()}
        return Conditioning(longer(self.states), self.pooled, per_block)

    def zeros_like(self) -> Conditioning:
        """Return conditioning of the same shape that says nothing."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return Conditioning(torch.zeros_like(self.states), pooled)


def joined(parts: Sequence[Conditioning]) -> Conditioning:
    """Return the rows of all `parts`, in order."""
    pooled = [part.pooled for part in parts if part.pooled is not None]
    blocks = dict.fromkeys(block for part in parts for block in part.per_block)  # in order, once each
    per_block = {block: torch.cat([part.per_block.get(block, part.states) for part in parts]) for block in blocks}
    return Conditioning(torch.cat([part.states for part in parts]), torch.cat(pooled) if pooled else None, per_block)


def joined_windows(windows: Conditioning) -> Conditioning:
    """Return one row: the token states of all rows side by side, and the mean of their pooled embeddings.

    A1111 and ComfyUI take the first window's pooled embedding; the words of a style often stand in the last one.
    """
    pooled = None if windows.pooled is None else windows.pooled.mean(dim=0, keepdim=True)
    return Conditioning(windows.states.flatten(0, 1)[None], pooled)


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

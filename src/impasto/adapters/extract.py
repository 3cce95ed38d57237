"""Turn weight differences into low-rank pairs by truncated SVD, the best approximation of each (Eckart-Young)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.adapters.full_weights import DELTA
from impasto.adapters.low_rank import DOWN, UP


@dataclass(frozen=True, slots=True)
class Extracted:
    """Low-rank pairs and how well they stand for the differences.

    Attributes:
        tensors: A and B by style-file name.
        error: ||ΔW - BA|| / ||ΔW|| (Frobenius) over the weights that were approximated.
        dropped: Share of ||ΔW||² in weights that have no low-rank form (biases, norms, embeddings).
    """

    tensors: dict[str, Tensor]
    error: float
    dropped: float


def low_rank_pair(
    change: Float[Tensor, "out ..."], rank: int
) -> tuple[Float[Tensor, "r ..."], Float[Tensor, "out r ..."]]:
    """Return (A, B) with BA the best approximation of `change`, singular values shared evenly between both.

    Args:
        change: ΔW of a linear layer (out, in) or a convolution (out, in, height, width).
        rank: Lowered to the smaller side of the layer where needed.
    """
    rows = change.flatten(1)
    rank = min(rank, *rows.shape)
    left, values, right = torch.linalg.svd(rows, full_matrices=False)
    root = values[:rank].sqrt()
    up, down = left[:, :rank] * root, root[:, None] * right[:rank]
    if change.ndim == 4:
        return down.reshape(rank, *change.shape[1:]), up[:, :, None, None]
    return down, up


def has_low_rank_form(name: str, change: Tensor) -> bool:
    """Return whether `name` is the weight of a linear layer or a convolution."""
    return name.endswith(".weight") and change.ndim in {2, 4} and "embedding" not in name.rsplit(".", 2)[-2]


def extract_low_rank(tensors: Mapping[str, Tensor], rank: int) -> Extracted:
    """Return low-rank pairs for all weight differences in `tensors`."""
    pairs: dict[str, Tensor] = {}
    kept = missed = dropped = 0.0
    for full_name, value in tensors.items():
        if not full_name.startswith(DELTA):
            continue
        name, change = full_name.removeprefix(DELTA), value.float()
        energy = float(change.square().sum())
        if not has_low_rank_form(name, change):
            dropped += energy
            continue
        down, up = low_rank_pair(change, rank)
        product = (up.flatten(1) @ down.flatten(1)).view_as(change)
        kept += energy
        missed += float((change - product).square().sum())
        module = name.removesuffix(".weight")
        pairs |= {module + DOWN: down.contiguous(), module + UP: up.contiguous()}
    total = max(kept + dropped, 1e-30)
    return Extracted(pairs, (missed / max(kept, 1e-30)) ** 0.5, dropped / total)

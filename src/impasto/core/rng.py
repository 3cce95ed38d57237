"""Randomness as an argument: one generator per picture, so that batch size never changes a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def generator(seed: int) -> torch.Generator:
    """Return a CPU generator seeded with `seed`; CPU, so that every device draws the same numbers."""
    return torch.Generator("cpu").manual_seed(seed)


def generator_at(seed: int, place: int) -> torch.Generator:
    """Return the generator of one place in a run, the same whether or not the places before it were visited."""
    digest = hashlib.sha256(f"{seed} {place}".encode()).digest()
    return generator(int.from_bytes(digest[:8], "big") >> 1)


def noise_for(rngs: Sequence[torch.Generator], shape: tuple[int, int, int]) -> Float[Tensor, "batch c h w"]:
    """Return standard normal noise, row i drawn from generator i alone."""
    return torch.cat([torch.randn((1, *shape), generator=rng) for rng in rngs])

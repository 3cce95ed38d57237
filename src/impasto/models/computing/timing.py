"""How long a forward pass takes."""

from __future__ import annotations

import time

import torch

from impasto.models.conditioning import Geometry
from impasto.models.latent_diffusion import LatentDiffusion


@torch.no_grad()
def seconds_of_pass(base: LatentDiffusion, rows: int, side: int) -> float:
    """Return how long a forward pass takes for so many pictures."""
    x_t = torch.zeros((rows, *base.latent_shape(side, side)), device=base.device)
    words = base.encode_prompts(["style"] * rows)
    timesteps = torch.full((rows,), 500, device=base.device)
    started = 0.0
    for _ in range(2):  # the first pass warms up
        started = time.perf_counter()
        base.predict(x_t, timesteps, words, [Geometry.whole(side, side)] * rows).float().sum().item()
    return time.perf_counter() - started

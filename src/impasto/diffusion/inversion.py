"""DDIM inversion: the noisy latents at every timestep that lead to a given picture.

x_t' = √ᾱ_t' x̂_0 + √(1 - ᾱ_t') ε̂        arXiv:2010.02502, Eq. 12 with σ = 0, run from t to the noisier t'

ε̂ and x̂_0 come from the network's prediction for x_t, which is asked for timestep t' as StyleAligned does it
(arXiv:2312.02133): x_0 itself has no timestep.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule

PredictAt = Callable[[Float[Tensor, "batch c h w"], float], Float[Tensor, "batch c h w"]]
"""Maps latents and a timestep to the network's prediction."""


def invert(
    x_0: Float[Tensor, "batch c h w"],
    timesteps: Shaped[Tensor, " steps"],
    schedule: NoiseSchedule,
    prediction: Prediction,
    predict: PredictAt,
) -> Float[Tensor, "steps batch c h w"]:
    """Return x_t for every one of `timesteps`, in their order, in the network's own scale.

    Args:
        x_0: Latents of the picture.
        timesteps: Falling, as a scheduler lists them; fractional ones take the level of the nearest.
        schedule: ᾱ_t.
        prediction: What the network predicts.
        predict: The network, with what the picture shows as its words.
    """
    x_t, alpha_bar = x_0, torch.ones((), dtype=schedule.alpha_bar.dtype, device=x_0.device)
    found: list[Tensor] = []
    for timestep in reversed(timesteps.double().tolist()):
        predicted = predict(x_t, timestep)
        signal, noise = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        if prediction is Prediction.EPSILON:
            epsilon, clean = predicted, (x_t - noise * predicted) / signal
        else:
            epsilon, clean = signal * predicted + noise * x_t, signal * x_t - noise * predicted
        nearest = min(max(round(timestep), 0), len(schedule) - 1)
        alpha_bar = schedule.alpha_bar.to(x_0.device)[nearest]
        x_t = (alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * epsilon).to(x_0.dtype)
        found.append(x_t)
    return torch.stack(found[::-1])

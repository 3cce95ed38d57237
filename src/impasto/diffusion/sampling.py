"""The denoising loop, as a generator over a diffusers scheduler.

Ours and not a pipeline's, so that branches have names, previews stream and a caller may stop anywhere. With no style
and no control it equals the stock pipeline; `tests/parity/test_stock_pipeline.py` says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.diffusion.guidance import classifier_free
from impasto.diffusion.step import Step

Latents = Float[Tensor, "batch c h w"]
Predict = Callable[[Latents, Step, tuple[str, ...]], Mapping[str, Latents]]
"""Maps x_t to a prediction for each named branch; all branches in one forward pass."""


class Scheduler(Protocol):
    """The part of a diffusers scheduler that the loop uses."""

    timesteps: Tensor
    order: int
    init_noise_sigma: float

    def set_timesteps(self, num_inference_steps: int, *, device: torch.device) -> None:
        """Choose the timesteps."""

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """Return x_t as the network wants it."""

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return x_t of `original_samples`."""

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Start in the middle, for SDEdit."""

    def step(
        self, model_output: Tensor, timestep: Tensor, sample: Tensor, *, return_dict: bool, **extra: object
    ) -> tuple[Tensor, ...]:
        """Return x_{t-1}, first in a tuple."""


@dataclass(frozen=True, slots=True)
class Denoised:
    """Latents after one step."""

    step: Step
    latents: Latents


def begin(scheduler: Scheduler, steps: int, noise: Latents, x_0: Latents | None, strength: float) -> Latents:
    """Set the scheduler up and return the latents to start from.

    Args:
        scheduler: Changed in place.
        steps: Steps of a whole run; SDEdit does `int(steps * strength)` of them.
        noise: Standard normal noise.
        x_0: Latents of a picture to start from (SDEdit, arXiv:2108.01073), or None to start from noise.
        strength: How far back towards noise `x_0` is taken; 1 forgets it.
    """
    scheduler.set_timesteps(steps, device=noise.device)
    if x_0 is None:
        return noise * scheduler.init_noise_sigma
    skipped = max(steps - int(steps * strength), 0) * scheduler.order
    scheduler.set_begin_index(skipped)
    first = scheduler.timesteps[skipped : skipped + 1].repeat(len(noise))
    scheduler.timesteps = scheduler.timesteps[skipped:]
    return scheduler.add_noise(x_0, noise, first)


def denoise(
    scheduler: Scheduler,
    predict: Predict,
    latents: Latents,
    *,
    guidance_scale: float,
    rngs: Sequence[torch.Generator],
) -> Iterator[Denoised]:
    """Yield the latents after every step; the last ones are the result.

    Args:
        scheduler: Set up by `begin`.
        predict: The network, for all named branches at once.
        latents: Where to start.
        guidance_scale: Classifier-free guidance; at 1 or below the unconditional branch is not computed.
        rngs: One generator per row, for samplers that add noise.
    """
    extra = {"generator": list(rngs)} if "generator" in inspect.signature(scheduler.step).parameters else {}
    branches = ("unconditional", "text") if guidance_scale > 1 else ("text",)
    timesteps = scheduler.timesteps
    for index, timestep in enumerate(timesteps):
        step = Step(index, len(timesteps), float(timestep))
        predicted = predict(scheduler.scale_model_input(latents, timestep), step, branches)
        guided = predicted["text"]
        if "unconditional" in predicted:
            guided = classifier_free(predicted["unconditional"], guided, guidance_scale)
        latents = scheduler.step(guided, timestep, latents, return_dict=False, **extra)[0]
        yield Denoised(step, latents)

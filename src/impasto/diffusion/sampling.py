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

    def step(
        self, model_output: Tensor, timestep: Tensor, sample: Tensor, *, return_dict: bool, **extra: object
    ) -> tuple[Tensor, ...]:
        """Return x_{t-1}, first in a tuple."""


@dataclass(frozen=True, slots=True)
class Denoised:
    """Latents after one step."""

    step: Step
    latents: Latents


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins.

    Attributes:
        latents: Noise, or a noised picture.
        timesteps: The timesteps that are left.
    """

    latents: Latents
    timesteps: Tensor


def begin(scheduler: Scheduler, steps: int, noise: Latents, x_0: Latents | None, strength: float) -> Start:
    """Set the scheduler up and return where to start.

    Args:
        scheduler: Changed in place.
        steps: Steps of a whole run; SDEdit does `int(steps * strength)` of them.
        noise: Standard normal noise.
        x_0: Latents of a picture to start from (SDEdit, arXiv:2108.01073), or None to start from noise.
        strength: How far back towards noise `x_0` is taken; 1 forgets it.
    """
    scheduler.set_timesteps(steps, device=noise.device)
    if x_0 is None:
        return Start(noise * scheduler.init_noise_sigma, scheduler.timesteps)
    skipped = max(steps - int(steps * strength), 0) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):  # DDIM finds its place by the timestep alone
        scheduler.set_begin_index(skipped)
    timesteps = scheduler.timesteps[skipped:]
    return Start(scheduler.add_noise(x_0, noise, timesteps[:1].repeat(len(noise))), timesteps)


def denoise(
    scheduler: Scheduler,
    predict: Predict,
    start: Start,
    *,
    guidance_scale: float,
    rngs: Sequence[torch.Generator],
) -> Iterator[Denoised]:
    """Yield the latents after every step; the last ones are the result.

    Args:
        scheduler: Set up by `begin`.
        predict: The network, for all named branches at once.
        start: Where to begin.
        guidance_scale: Classifier-free guidance; at 1 or below the unconditional branch is not computed.
        rngs: One generator per row, for samplers that add noise.
    """
    extra = {"generator": list(rngs)} if "generator" in inspect.signature(scheduler.step).parameters else {}
    branches = ("unconditional", "text") if guidance_scale > 1 else ("text",)
    latents = start.latents
    for index, timestep in enumerate(start.timesteps):
        step = Step(index, len(start.timesteps), float(timestep))
        predicted = predict(scheduler.scale_model_input(latents, timestep), step, branches)
        guided = predicted["text"]
        if "unconditional" in predicted:
            guided = classifier_free(predicted["unconditional"], guided, guidance_scale)
        latents = scheduler.step(guided, timestep, latents, return_dict=False, **extra)[0]
        yield Denoised(step, latents)

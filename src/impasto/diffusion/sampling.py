"""The denoising loop, as a generator over a diffusers scheduler.

Ours and not a pipeline's, so that branches have names, previews stream and a caller may stop anywhere. With no style
and no control it equals the stock pipeline; `tests/parity/test_stock_pipeline.py` says so. Auxiliary branches run
beside the pictures that are wanted. Each has latents, noise and a scheduler of its own, so it may leave the batch at
any step and no multistep history has to be taken apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.diffusion.branches import auxiliary_branch
from impasto.diffusion.guidance import Guidance
from impasto.diffusion.noise_process import NoiseProcess
from impasto.diffusion.step import Step

Latents: TypeAlias = Float[Tensor, "batch c h w"]
Predict: TypeAlias = Callable[[Mapping[str, Latents], Step], Mapping[str, Latents]]
"""Maps x_t of each named branch to its prediction; all branches in one forward pass."""


class Scheduler(Protocol):
    """The part of a diffusers scheduler that the loop uses; further below, what some of them have besides."""

    timesteps: Tensor
    order: int

    def set_timesteps(self, num_inference_steps: int, *, device: torch.device) -> None:
        """Choose the timesteps."""

    def step(
        self, model_output: Tensor, timestep: Tensor, sample: Tensor, *, return_dict: bool, **extra: object
    ) -> tuple[Tensor, ...]:
        """Return x_{t-1}, first in a tuple."""


@runtime_checkable
class ScalesInput(Protocol):
    """A scheduler that keeps its latents in another scale than the network's."""

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """Return x_t as the network wants it."""


@runtime_checkable
class AddsNoise(Protocol):
    """A scheduler over a table of noise levels."""

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return x_t of `original_samples`."""


class ScalesNoise(Protocol):
    """A scheduler of a flow."""

    def scale_noise(self, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """Return x_t of `sample`."""


@dataclass(frozen=True, slots=True)
class Denoised:
    """Latents after one step.

    Attributes:
        step: Which one.
        latents: Latents of the pictures that are wanted, (batch, channels, height, width).
        x_t: What the network was shown of them.
        predicted: What it predicted, guided.
        beside: Of the auxiliary branches that ran in this step.
    """

    step: Step
    latents: Latents
    x_t: Latents
    predicted: Latents
    beside: Mapping[str, Float[Tensor, "beside c h w"]] = field(default_factory=dict)

    def x_0(self, process: NoiseProcess) -> Latents:
        """Return the clean latents that the prediction implies.

        The network is shown x_t as in training by every sampler, whatever scale it keeps its latents in.
        """
        timesteps = torch.full((len(self.x_t),), self.step.timestep, device=self.x_t.device)
        return process.to_x_0(self.x_t.float(), self.predicted.float(), process.to_levels(timesteps))


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins.

    Attributes:
        latents: Noise, or a noised picture.
        timesteps: The timesteps that are left, from the noisiest on.
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
        return Start(noise * float(getattr(scheduler, "init_noise_sigma", 1.0)), scheduler.timesteps)
    skipped = max(steps - int(steps * strength), 0) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):  # DDIM finds its place by the timestep alone
        scheduler.set_begin_index(skipped)
    timesteps = scheduler.timesteps[skipped:]
    return Start(_noised(scheduler, x_0, noise, timesteps[:1].repeat(len(noise))), timesteps)


def _noised(scheduler: Scheduler, x_0: Latents, noise: Latents, timesteps: Tensor) -> Latents:
    """Return x_t of `x_0`, in the scale that the scheduler keeps its latents in."""
    if isinstance(scheduler, AddsNoise):
        return scheduler.add_noise(x_0, noise, timesteps)
    return cast(ScalesNoise, scheduler).scale_noise(x_0, timesteps, noise)


@dataclass(frozen=True, slots=True)
class AuxiliaryBranch:
    """Latents that are denoised beside those that are wanted.

    Attributes:
        latents: Where they begin.
        guidance: How their own branches are combined.
        rngs: One generator per row, in the state of those of the rows that they accompany.
        until: For which part of the run they stay.
    """

    latents: Latents
    guidance: Guidance
    rngs: Sequence[torch.Generator]
    until: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """An auxiliary branch whose x_t are known beforehand, such as an inverted picture; it stays to the end.

    Attributes:
        inputs: x_t at every step, in the network's own scale.
        guidance: Says which branches it has.
    """

    inputs: Float[Tensor, "steps batch c h w"]
    guidance: Guidance


class _Live:
    """Latents and the scheduler that moves them."""

    def __init__(
        self, scheduler: Scheduler, latents: Latents, guidance: Guidance, rngs: Sequence[torch.Generator], until: float
    ) -> None:
        self.latents = self.x_t = self.predicted = latents
        self._scheduler, self._guidance, self._until = scheduler, guidance, until
        takes_rng = "generator" in inspect.signature(scheduler.step).parameters
        self._extra = {"generator": list(rngs)} if takes_rng else {}

    def seen(self, step: Step, timestep: Tensor) -> dict[str, Latents]:
        """Return what the network is shown in each branch; nothing when the run has left."""
        if not step.is_within((0.0, self._until)):
            return {}
        scheduler = self._scheduler
        if isinstance(scheduler, ScalesInput):
            self.x_t = scheduler.scale_model_input(self.latents, timestep)
        else:  # those of flows show latents as they are
            self.x_t = self.latents
        return dict.fromkeys(self._guidance.branches(), self.x_t)

    def move(self, predicted: Mapping[str, Latents], timestep: Tensor) -> Latents:
        """Take a step and return the latents."""
        self.predicted = self._guidance(predicted)
        moved = self._scheduler.step(self.predicted, timestep, self.latents, return_dict=False, **self._extra)
        self.latents = moved[0]
        return self.latents


class _Replayed:
    """Latents that are known beforehand."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def seen(self, step: Step, timestep: Tensor) -> dict[str, Latents]:  # noqa: ARG002 - as _Live has it
        """Return what the network is shown in each branch."""
        return dict.fromkeys(self._recorded.guidance.branches(), self._recorded.inputs[step.index])

    def move(self, predicted: Mapping[str, Latents], timestep: Tensor) -> Latents:  # noqa: ARG002 - as _Live has it
        """Return nothing new: predictions of a recorded run are not needed."""
        return self._recorded.inputs[-1]


def denoise(
    scheduler: Scheduler,
    predict: Predict,
    start: Start,
    *,
    guidance: Guidance,
    rngs: Sequence[torch.Generator],
    auxiliary: Mapping[str, AuxiliaryBranch | Recorded] | None = None,
) -> Iterator[Denoised]:
    """Yield the latents after every step; the last ones are the result.

    Args:
        scheduler: Set up by `begin`.
        predict: The network, for all named branches at once.
        start: Where to begin.
        guidance: Which branches there are, and how they are joined.
        rngs: One generator per row, for samplers that add noise.
        auxiliary: What runs beside, by name; their branches are called NAME.BRANCH.
    """
    beside = {name: _running(scheduler, auxiliary) for name, auxiliary in (auxiliary or {}).items()}
    wanted = _Live(scheduler, start.latents, guidance, rngs, 1.0)
    for index, timestep in enumerate(start.timesteps):
        step = Step(index, len(start.timesteps), float(timestep))
        shown = wanted.seen(step, timestep)
        shown_to_auxiliary = {name: run.seen(step, timestep) for name, run in beside.items()}
        for name, inputs in shown_to_auxiliary.items():
            shown |= {auxiliary_branch(name, branch): x_t for branch, x_t in inputs.items()}
        predicted = predict(shown, step)
        moved = {
            name: beside[name].move({each: predicted[auxiliary_branch(name, each)] for each in inputs}, timestep)
            for name, inputs in shown_to_auxiliary.items()
            if inputs
        }
        latents = wanted.move(predicted, timestep)
        yield Denoised(step, latents, wanted.x_t, wanted.predicted, moved)


def _running(scheduler: Scheduler, auxiliary: AuxiliaryBranch | Recorded) -> _Live | _Replayed:
    if isinstance(auxiliary, Recorded):
        return _Replayed(auxiliary)
    own = deepcopy(scheduler)
    return _Live(own, auxiliary.latents, auxiliary.guidance, auxiliary.rngs, auxiliary.until)

"""Samplers by the names that people know."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal, TypeAlias

from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, SchedulerMixin

from impasto.diffusion.sampling import Scheduler

Sampler: TypeAlias = Literal["dpm++", "ddim", "euler", "base"]

_CLASSES: dict[str, type[SchedulerMixin]] = {
    "dpm++": DPMSolverMultistepScheduler,
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
}


def new_scheduler(of_base: SchedulerMixin, sampler: Sampler) -> Scheduler:
    """Return a fresh scheduler on the base's noise levels; "base" is a copy of the base's own."""
    if sampler == "base":
        copied: Scheduler = deepcopy(of_base)
        return copied
    made: Scheduler = _CLASSES[sampler].from_config(of_base.config)
    return made

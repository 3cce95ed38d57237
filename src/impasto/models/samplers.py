"""Samplers by the names that people know."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal, TypeAlias

from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, LCMScheduler, SchedulerMixin

from impasto.diffusion.sampling import Scheduler

Sampler: TypeAlias = Literal["dpm++", "ddim", "euler", "lcm", "lightning", "hyper", "base"]
"""lcm, lightning and hyper draw in few steps, with a base or an adapter that was distilled for it, and no guidance."""

_CLASSES: dict[str, type[SchedulerMixin]] = {
    "dpm++": DPMSolverMultistepScheduler,
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "lcm": LCMScheduler,  # arXiv:2310.04378
    "lightning": EulerDiscreteScheduler,  # arXiv:2402.13929
    "hyper": DDIMScheduler,  # arXiv:2404.13686
}
_SETTINGS: dict[str, dict[str, object]] = {
    # Distilled models were trained at the last timestep of every interval.
    "lightning": {"timestep_spacing": "trailing"},
    "hyper": {"timestep_spacing": "trailing"},
}


def new_scheduler(of_base: SchedulerMixin, sampler: Sampler) -> Scheduler:
    """Return a fresh scheduler on the base's noise levels; "base" is a copy of the base's own.

    DDIM clips x_0 to ±1 in diffusers unless it is told not to, which is for pixels and spoils latents. So it does not
    clip here, unless the base states that it wants that.
    """
    if sampler == "base":
        copied: Scheduler = deepcopy(of_base)
        return copied
    settings = dict(_SETTINGS.get(sampler, {}))
    if sampler == "ddim" and not _states(of_base, "clip_sample"):
        settings["clip_sample"] = False
    made: Scheduler = _CLASSES[sampler].from_config(of_base.config, **settings)
    return made


def _states(scheduler: SchedulerMixin, name: str) -> bool:
    """Return whether a scheduler was told a setting, rather than taking its class's default."""
    return name in scheduler.config and name not in scheduler.config.get("_use_default_values", ())

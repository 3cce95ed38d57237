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
_OF_ONE_SOLVER = frozenset(
    {
        *("algorithm_type", "solver_type", "solver_order", "lower_order_final", "final_sigmas_type", "variance_type"),
        *("euler_at_final", "use_lu_lambdas", "lambda_min_clipped", "predict_x0", "disable_corrector", "solver_p"),
        *("skip_prk_steps", "predictor_order", "corrector_order", "tau_func", "use_flow_sigmas", "flow_shift"),
    }
)
"""Settings that one class of schedulers understands otherwise than the next, or not at all, such as DEIS's."""


def new_scheduler(of_base: SchedulerMixin, sampler: Sampler) -> Scheduler:
    """Return a fresh scheduler on the base's noise levels; "base" is a copy of the base's own.

    DDIM clips x_0 to ±1 in diffusers unless it is told not to, which is for pixels and spoils latents. So it does not
    clip here, unless the base states that it wants that.
    """
    if sampler == "base":
        copied: Scheduler = deepcopy(of_base)
        return copied
    settings = dict(_SETTINGS.get(sampler, {}))
    config = dict(of_base.config)
    if type(of_base) is not _CLASSES[sampler]:
        config = {name: value for name, value in config.items() if name not in _OF_ONE_SOLVER}
    if sampler == "ddim" and not _states(of_base, "clip_sample"):
        settings["clip_sample"] = False
    made: Scheduler = _CLASSES[sampler].from_config(config, **settings)
    return made


def _states(scheduler: SchedulerMixin, name: str) -> bool:
    """Return whether a scheduler was told a setting, rather than taking its class's default."""
    return name in scheduler.config and name not in scheduler.config.get("_use_default_values", ())

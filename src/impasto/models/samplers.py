"""Samplers by the names that people know."""

from __future__ import annotations

from bisect import bisect_left
from copy import deepcopy
from typing import Literal, TypeAlias, cast

import torch
from diffusers import ConfigMixin, DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, LCMScheduler

from impasto.core.errors import ConfigError
from impasto.diffusion.sampling import Scheduler

Sampler: TypeAlias = Literal["dpm++", "ddim", "euler", "lcm", "lightning", "hyper", "base"]
"""lcm, lightning and hyper draw in few steps, with a base or an adapter that was distilled for it, and no guidance."""

_CLASSES: dict[str, type[ConfigMixin]] = {
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


def new_scheduler(of_base: ConfigMixin, sampler: Sampler) -> Scheduler:
    """Return a fresh scheduler on the base's noise levels; "base" is a copy of the base's own.

    DDIM clips x_0 to ±1 in diffusers unless it is told not to, which is for pixels and spoils latents. So it does not
    clip here, unless the base states that it wants that.
    """
    if sampler == "base":
        return cast(Scheduler, deepcopy(of_base))
    settings = dict(_SETTINGS.get(sampler, {}))
    config = dict(of_base.config)
    if type(of_base) is not _CLASSES[sampler]:
        config = {name: value for name, value in config.items() if name not in _OF_ONE_SOLVER}
    if sampler == "ddim" and not _states(of_base, "clip_sample"):
        settings["clip_sample"] = False
    return cast(Scheduler, _CLASSES[sampler].from_config(config, **settings))


def check_steps(of_base: ConfigMixin, sampler: Sampler, steps: int) -> None:
    """Raise `ConfigError` where a sampler does not take so many steps: the one of LCM has 50 at most."""
    if _takes(of_base, sampler, steps):
        return
    most = bisect_left(range(1, steps + 1), x=True, key=lambda count: not _takes(of_base, sampler, count))
    way_out = f"it takes at most {most}" if most else "choose another --sampler"
    raise ConfigError(f"--sampler {sampler} cannot take --steps {steps} on this base: {way_out}")


def _takes(of_base: ConfigMixin, sampler: Sampler, steps: int) -> bool:
    try:
        new_scheduler(of_base, sampler).set_timesteps(steps, device=torch.device("cpu"))
    except (ValueError, IndexError, ZeroDivisionError, RuntimeError):  # schedulers raise what they stumble over
        return False
    return True


def _states(scheduler: ConfigMixin, name: str) -> bool:
    """Return whether a scheduler was told a setting, rather than taking its class's default."""
    return name in scheduler.config and name not in scheduler.config.get("_use_default_values", ())

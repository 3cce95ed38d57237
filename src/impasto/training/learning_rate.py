"""What the learning rate is multiplied by in each step: the schedules of diffusers, as functions of the step alone."""

from __future__ import annotations

from collections.abc import Callable

import torch

from impasto.training.configs.optimizer import Schedule

_NAMES = {"constant": "constant_with_warmup", "cosine-with-restarts": "cosine_with_restarts"}
"""How diffusers calls schedules, where otherwise."""


def rate_factors(
    schedule: Schedule, steps: int, warmup: int = 0, *, cycles: int = 1, power: float = 1.0
) -> Callable[[int], float]:
    """Return the factor of a step, which counts from 1, as a function of it: a run goes on at any step.

    With a warm-up of n steps, the factor of step k <= n is (k - 1) / n.

    Args:
        schedule: How the factor falls after the warm-up; all but "constant" would reach 0 in step `steps` + 1.
        steps: Length of the run in steps.
        warmup: Steps in which the factor rises; fewer than `steps`.
        cycles: How often "cosine-with-restarts" falls.
        power: Of "polynomial", whose factor is (1 - share of steps done) ^ power, and 1e-7 at the least.
    """
    from diffusers.optimization import get_scheduler

    name = _NAMES.get(schedule, schedule)
    unused = torch.optim.SGD([torch.zeros(1)], lr=1.0)  # a scheduler cannot be had without
    scheduler = get_scheduler(
        name, unused, num_warmup_steps=warmup, num_training_steps=steps, num_cycles=cycles, power=power
    )
    factor = scheduler.lr_lambdas[0]
    return lambda step: factor(step - 1)

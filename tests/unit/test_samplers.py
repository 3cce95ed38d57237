"""Samplers made for a base: DDIM leaves latents unclipped unless the base says otherwise."""

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler

from impasto.models.samplers import new_scheduler

LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.mark.parametrize("kind", [EulerDiscreteScheduler, DPMSolverMultistepScheduler, DDIMScheduler])
def test_ddim_does_not_clip_latents(kind: type) -> None:
    """Latents are far outside of ±1; with clipping the last step could not leave it."""
    scheduler = new_scheduler(kind(**LEVELS), "ddim")
    assert scheduler.config.clip_sample is False
    scheduler.set_timesteps(2)
    x_t = torch.full((1, 4, 2, 2), 5.0)
    for timestep in scheduler.timesteps:
        x_t = scheduler.step(torch.zeros_like(x_t), timestep, x_t).prev_sample
    assert x_t.min() > 5


@pytest.mark.parametrize("clips", [True, False])
def test_what_a_base_states_is_kept(clips: bool) -> None:
    assert new_scheduler(DDIMScheduler(**LEVELS, clip_sample=clips), "ddim").config.clip_sample is clips


def test_the_bases_own_is_copied_as_it_is() -> None:
    own = DDIMScheduler(**LEVELS)
    copied = new_scheduler(own, "base")
    assert copied is not own
    assert dict(copied.config) == dict(own.config)

"""The noise levels that a base was trained on: stated, sane, and overridden where the user knows better."""

from __future__ import annotations

import inspect
from typing import cast

import torch
from diffusers import ConfigMixin, DDIMScheduler, DDPMScheduler, DiffusionPipeline

from impasto.core.errors import ConfigError
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule
from impasto.models.checks.base_facts import PredictionName, ZeroSnr
from impasto.models.checks.levels import check_levels, check_scheduler_class

_LEVELS = ("beta_start", "beta_end", "beta_schedule", "trained_betas", "num_train_timesteps", "rescale_betas_zero_snr")
_PREDICTIONS = {"epsilon": Prediction.EPSILON, "v": Prediction.V}


def schedule_of(scheduler: ConfigMixin, name: str) -> NoiseSchedule:
    """Return ᾱ_t of training.

    Raises:
        ConfigError: The scheduler's settings do not say which noise levels the base was trained on, or no sane ones.
    """
    config = dict(scheduler.config)
    check_scheduler_class({"_class_name": type(scheduler).__name__, **_plain(config)}, name)
    unsaid = set(cast("list[str]", config.get("_use_default_values", ())))
    stated = {key: config[key] for key in _LEVELS if key in config and key not in unsaid}
    check_levels(stated, name)
    count = config["num_train_timesteps"]
    try:
        alpha_bar = DDPMScheduler.from_config(stated).alphas_cumprod
    except Exception as error:  # whatever a wrong value makes of the arithmetic
        raise ConfigError(f"base {name}: scheduler's noise levels cannot be computed ({error}): mend them") from error
    is_sane = len(alpha_bar) == count and torch.isfinite(alpha_bar).all() and alpha_bar.min() >= 0
    if not is_sane or alpha_bar.max() > 1 or (alpha_bar.diff() > 0).any() or alpha_bar[0] <= alpha_bar[-1]:
        raise ConfigError(f"base {name}: scheduler's noise levels do not rise from picture to noise: mend its betas")
    return NoiseSchedule(alpha_bar)


def _plain(config: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if key != "_class_name"}


def prediction_of(scheduler: ConfigMixin, name: str) -> Prediction:
    """Return what the base predicts.

    Raises:
        ConfigError: It predicts something else.
    """
    stated = scheduler.config.get("prediction_type")
    try:
        return Prediction(str(stated))
    except ValueError as error:
        raise ConfigError(
            f"base {name}: the base predicts {stated!r}, which is not supported: needs one of {', '.join(Prediction)}; "
            "--prediction overrides"
        ) from error


def override(pipe: DiffusionPipeline, prediction: PredictionName, zero_snr: ZeroSnr) -> None:
    """Put what the user says of a base in place of what its scheduler says."""
    changes: dict[str, object] = {}
    if prediction != "auto":
        changes["prediction_type"] = str(_PREDICTIONS[prediction])
    if zero_snr != "auto":
        changes["rescale_betas_zero_snr"] = zero_snr == "yes"
    if zero_snr == "yes":
        changes["timestep_spacing"] = "trailing"  # or the timestep of pure noise is never drawn from
    if not changes:
        return
    kind = type(pipe.scheduler)
    if zero_snr != "auto" and "rescale_betas_zero_snr" not in inspect.signature(kind.__init__).parameters:
        kind = DDIMScheduler
        changes["clip_sample"] = False
    pipe.register_modules(scheduler=kind.from_config(pipe.scheduler.config, **changes))

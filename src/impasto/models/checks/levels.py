"""Whether a scheduler's settings say on which discrete noise levels a base was trained."""

from __future__ import annotations

import diffusers

from impasto.core.errors import ConfigError

_MOST_TIMESTEPS = 10_000


def refuse_other_levels(config: dict[str, object], name: str) -> None:
    """Raise `ConfigError` unless a scheduler's settings are of discrete levels, and sane."""
    check_scheduler_class(config, name)
    check_levels(config, name)


def check_scheduler_class(config: dict[str, object], name: str) -> None:
    """Raise `ConfigError` unless a scheduler's settings are of a class whose noise levels are understood."""
    kind = str(config.get("_class_name", "missing _class_name"))
    if "Flow" in kind or config.get("use_flow_sigmas") is True or "flow" in str(config.get("prediction_type", "")):
        raise ConfigError(
            f"base {name} was trained by flow matching ({kind}): no family supports that yet; use a base with "
            "discrete noise levels, such as SD 1.5 or SDXL"
        )
    if "EDM" in kind or "sigma_data" in config:
        raise ConfigError(
            f"base {name} was trained with EDM preconditioning ({kind}): no family supports that yet; use a base with "
            "discrete noise levels, such as SD 1.5 or SDXL"
        )
    if not isinstance(getattr(diffusers, kind, None), type):
        raise ConfigError(f"base {name}: scheduler {kind} is unknown to diffusers {diffusers.__version__}")


def check_levels(config: dict[str, object], name: str) -> None:
    """Raise `ConfigError` unless a scheduler's settings say which noise levels the base was trained on."""
    count = config.get("num_train_timesteps", 1000)
    if not isinstance(count, int) or not 1 <= count <= _MOST_TIMESTEPS:
        raise ConfigError(f"base {name}: scheduler says num_train_timesteps = {count}: needs 1 to {_MOST_TIMESTEPS}")
    if config.get("trained_betas") is not None:
        return
    for key in ("beta_start", "beta_end", "beta_schedule"):
        if key not in config:
            raise ConfigError(
                f"base {name} does not say its noise levels: scheduler/scheduler_config.json has no {key}; take it "
                "from the base's page"
            )
    first, last = config["beta_start"], config["beta_end"]
    numbers = [each for each in (first, last) if isinstance(each, (int, float))]
    if len(numbers) < 2 or not 0 < numbers[0] <= numbers[1] < 1:
        raise ConfigError(
            f"base {name}: scheduler says beta_start = {first}, beta_end = {last}: needs 0 < beta_start <= beta_end < 1"
        )

"""From what a person chose on the page to a training: the options that `impasto train METHOD` takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic import create_model

from impasto.core.config import Config, validated
from impasto.core.errors import ConfigError
from impasto.core.plugins import plugin_names
from impasto.methods._protocol import Method
from impasto.models.source import POCKET, find_base
from impasto.registry.methods import find_method, make_method
from impasto.registry.recipes import recipe_for
from impasto.studio.kinds import flags_of
from impasto.training.options import TrainOptions

_CHECKPOINTS = 10
"""In a training; each is all that it needs to go on after the machine went down."""
_FEWEST_STEPS = 10


def method_names() -> list[str]:
    """Return what can be learnt with, by name."""
    return plugin_names("impasto.methods")


def options_model(method: type[Method]) -> type[Config]:
    """Return all options of a training with a method, as one model."""
    made = create_model(f"Train{method.__name__}", __base__=(method.Config, TrainOptions))
    return cast("type[Config]", made)


def defaults_of(method: str, base: str, learn: object = None) -> dict[str, object]:
    """Return what the shipped recipe of a method on a base says."""
    return recipe_for(find_method(method).name, find_base(base).recipe, learn)


def settings_of(method: str, chosen: Mapping[str, object], out: Path, run: Path) -> dict[str, object]:
    """Return all settings of a training: what was chosen over the recipe, checked.

    Raises:
        ConfigError: An option is unknown, or out of its range.
    """
    refused = {"out", "run_dir", "resume", "dry_run"} & set(chosen)
    if refused:
        raise ConfigError(f"{', '.join(sorted(refused))}: the studio chooses that itself")
    method_class = find_method(method)
    recipe = defaults_of(method, str(chosen.get("base", "pocket")), chosen.get("learn"))
    settings = {**recipe, **chosen, "out": str(out), "run_dir": str(run)}
    checked = validated(options_model(method_class), settings, source="train")
    if not settings.get("checkpoint_every"):
        steps = int(str(dict(checked)["steps"]))
        settings["checkpoint_every"] = max(steps // _CHECKPOINTS, _FEWEST_STEPS)
    is_light = settings.get("learn") == "lora" or str(settings.get("base", POCKET)) == POCKET
    if is_light and not settings.get("save_every"):
        settings["save_every"] = dict(checked)["sample_every"]  # any step that was seen can be kept
    return settings


def command_of(method: str, settings: Mapping[str, object]) -> tuple[str, ...]:
    """Return the command line after `impasto`."""
    model = options_model(find_method(method))
    return ("train", method.replace("_", "-"), *flags_of(model, settings))


def training_of(method: str, settings: Mapping[str, object]) -> tuple[TrainOptions, Method]:
    """Return options and method, as training takes them."""
    method_class = find_method(method)
    known = dict(validated(options_model(method_class), settings, source="train"))
    own = {name: known[name] for name in method_class.Config.model_fields}
    shared = {name: known[name] for name in TrainOptions.model_fields}
    made = make_method(method_class, validated(method_class.Config, own, source="train"))
    return validated(TrainOptions, shared, source="train"), made

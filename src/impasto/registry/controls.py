"""From the name of a control to a control with settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from impasto.core.config import Config
from impasto.core.plugins import load_class
from impasto.models.control import Control


def find_control(name: str) -> type[Control]:
    """Return the class of the control called `name`; raises `PluginError` that lists the known ones."""
    return cast(type[Control], load_class("impasto.controls", name, Control))


def make_control(control_class: type[Control], settings: Config) -> Control:
    """Return the control with `settings`, an instance of its `Config`."""
    return cast(Callable[[Config], Control], control_class)(settings)

"""From the name of a method to a method with settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from impasto.core.config import Config
from impasto.core.plugins import load_class
from impasto.methods._protocol import Method


def find_method(name: str) -> type[Method]:
    """Return the class of the method called `name`; raises `PluginError` that lists the known ones."""
    return cast(type[Method], load_class("impasto.methods", name, Method))


def make_method(method_class: type[Method], settings: Config) -> Method:
    """Return the method with `settings`, an instance of its `Config`."""
    return cast(Callable[[Config], Method], method_class)(settings)

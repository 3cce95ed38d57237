"""The versions of the libraries that a run depends on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

_LIBRARIES = ("impasto", "torch", "diffusers", "transformers", "peft", "safetensors")


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version()}


def library_versions() -> dict[str, str]:
    """Return the versions that a run depends on."""
    return dict(_versions())

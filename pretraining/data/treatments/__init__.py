"""Treatments: ways to draw a finished picture anew, one in each file, called by the name of the file.

A file `pixel_art.py` is the treatment "pixel art". Its `treat(picture, rng)` takes and returns RGB uint8 of the same
square shape and depends on nothing else. Here is only what can still be seen after the autoencoder.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module

import numpy as np

from pretraining.data.picture import Picture

Treat = Callable[[Picture, np.random.Generator], Picture]


@cache
def load_treatments() -> dict[str, Treat]:
    """Return all treatments by name, in the order of their file names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", " "): import_module(f"{__name__}.{name}").treat for name in names}

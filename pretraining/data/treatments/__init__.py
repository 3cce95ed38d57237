"""Treatments: ways to render a finished composition anew, one in each file, called by the name of the file.

A file `ink_outline.py` is the treatment "ink outline". It has `treat(picture, rng)`, which takes and returns RGB uint8
of the same square shape and depends on nothing else; `ALSO`, other names that captions use now and then; and
`COLOURED`, whether the ground can still be told by its colour.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import numpy as np

from pretraining.data.render import Picture


@dataclass(frozen=True, slots=True)
class Treatment:
    """One way of rendering.

    Attributes:
        phrase: Its name, used in captions as "{phrase} style".
        also: Other names of the same thing.
        coloured: Whether colours survive it.
        treat: Picture and random numbers to the picture in this treatment.
    """

    phrase: str
    also: tuple[str, ...]
    coloured: bool
    treat: Callable[[Picture, np.random.Generator], Picture]


@cache
def load_treatments() -> dict[str, Treatment]:
    """Return all treatments by phrase, in the order of their file names."""
    found = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        phrase = name.replace("_", " ")
        found[phrase] = Treatment(phrase, module.ALSO, module.COLOURED, module.treat)
    return found

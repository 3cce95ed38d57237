"""What every kind of style has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from pretraining.data.drawing import Drawing

Values = Mapping[str, str]
"""Value of each chosen field of a style."""


class Kind(Protocol):
    """What a file of this folder has."""

    ORDER: int
    VALUES: dict[str, tuple[str, ...]]
    NEEDS: tuple[str, ...]
    BARS: tuple[str, ...]

    def sample(self, rng: np.random.Generator) -> dict[str, str]:
        """Return values of the fields, empty when the kind is not chosen."""

    def words(self, values: Values) -> str:
        """Return what captions say."""

    def applies(self, drawing: Drawing, values: Values) -> bool:
        """Return whether the drawing would change so that it can be seen."""

    def apply(self, drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:
        """Return the changed drawing."""

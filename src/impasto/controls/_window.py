"""Windows of steps as options."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]


def _rising(window: tuple[float, float]) -> tuple[float, float]:
    if window[0] >= window[1]:
        raise ValueError("it holds no step: the first number must be smaller than the second, both from 0 to 1")
    return window


WindowOption: TypeAlias = Annotated[tuple[Fraction, Fraction], AfterValidator(_rising)]
"""First and last step as fractions of the run."""

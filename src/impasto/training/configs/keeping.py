"""Which steps of a training are kept, and by what the best one is told."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under
from impasto.core.paths import FileOrName

AUTO = "auto"
FEWEST_HELD_OUT = 3
"""Pictures below which a kernel distance is not defined."""


@listed_under(Group.KEEPING, first="held_out hold_out")
class KeepingConfig(Config):
    """Which steps of a training are kept."""

    held_out: FileOrName | None = None
    """Folder of pictures in the style that training never shows, or pack:NAME: the step nearest to them is kept."""
    hold_out: int | None = Field(default=None, ge=FEWEST_HELD_OUT, le=1000)
    """Take so many of the style pictures as --held-out instead; training does not show them."""
    held_out_every: int | None = Field(default=None, ge=1)
    """Measure every so many steps; by default as often as at most 15 % of the training time allows."""
    held_out_features: FileOrName = AUTO
    """What measures: auto is strokes, and pocket's own reader of words on pocket; or as in impasto evaluate."""
    stop_early: int | None = Field(default=None, ge=1)
    """End the training when so many measurements in a row found no better step."""
    save_every: int = Field(default=0, ge=0)
    """Keep the style of every so many steps beside the style file, as NAME-step-000100.safetensors; 0 keeps none."""

    @property
    def measures(self) -> bool:
        """Whether steps are measured on held-out pictures."""
        return self.held_out is not None or self.hold_out is not None

    @model_validator(mode="after")
    def _has_something_to_measure(self) -> Self:
        if self.held_out is not None and self.hold_out is not None:
            raise ValueError(
                f"held_out = {self.held_out} and hold_out = {self.hold_out} contradict each other: give one"
            )
        if not self.measures:
            for name, value in (("held_out_every", self.held_out_every), ("stop_early", self.stop_early)):
                if value is not None:
                    raise ValueError(f"{name} = {value} has no effect without held_out or hold_out: give one of them")
            if self.held_out_features != AUTO:
                raise ValueError(
                    f"held_out_features = {self.held_out_features} has no effect without held_out or hold_out: give "
                    "one of them"
                )
        return self

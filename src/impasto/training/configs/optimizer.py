"""How weights change: steps, rates, optimiser."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under

OptimizerName: TypeAlias = Literal["adamw", "adamw-8bit", "prodigy", "adafactor"]
Schedule: TypeAlias = Literal["constant", "linear", "cosine", "cosine-with-restarts", "polynomial"]
_LEAST_OF_PRODIGY = 0.1


@listed_under(Group.LEARNING, first="steps batch_size")
class OptimizerConfig(Config):
    """How many steps are taken, how large they are and from how many pictures."""

    steps: int = Field(default=500, ge=1)
    """Optimiser steps."""
    batch_size: int = Field(default=1, ge=1)
    """Pictures of each stream in a batch."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients make one step; several processes take as many each."""
    optimizer: OptimizerName = "adamw"
    """adamw, adamw-8bit (CUDA, a quarter of the moments' memory), adafactor (nearly none), prodigy (finds its rate)."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Step size; with prodigy a factor of the one that it finds, usually 1."""
    text_learning_rate: float | None = Field(default=None, gt=0)
    """Step size of text encoders and new words; that of all the rest unless given."""
    lr_schedule: Schedule = "constant"
    """Keep the learning rate, or let it fall to nothing: along a line, half a cosine, several, or a power of a line."""
    lr_cycles: int = Field(default=1, ge=1)
    """How often cosine-with-restarts falls."""
    lr_power: float = Field(default=1.0, gt=0)
    """The power of polynomial; 1 is linear."""
    lr_warmup: int = Field(default=0, ge=0)
    """Steps in which the learning rate rises from nothing, along a line."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Share of the weights that is taken off in each step, times the learning rate."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Clip gradients to this norm; 0 leaves them."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Save and sample a moving average of what is learnt, with this decay, e.g. 0.99."""

    @model_validator(mode="after")
    def _suits_the_optimizer(self) -> Self:
        if self.optimizer == "prodigy" and self.learning_rate < _LEAST_OF_PRODIGY:
            raise ValueError(
                f"learning_rate = {self.learning_rate:g}: optimizer prodigy finds its step size itself and multiplies "
                "it by this: give learning_rate 1"
            )
        if self.optimizer == "prodigy" and self.text_learning_rate not in {None, self.learning_rate}:
            raise ValueError(
                f"text_learning_rate = {self.text_learning_rate:g}: optimizer prodigy takes one step size for all: "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def _suits_the_schedule(self) -> Self:
        for name, value, schedule in (
            ("lr_cycles", self.lr_cycles, "cosine-with-restarts"),
            ("lr_power", self.lr_power, "polynomial"),
        ):
            if value != 1 and self.lr_schedule != schedule:
                raise ValueError(f"{name} = {value:g} has no effect without lr_schedule {schedule}: leave it out")
        return self

    @model_validator(mode="after")
    def _leaves_steps_after_warmup(self) -> Self:
        if self.lr_warmup >= self.steps:
            raise ValueError(
                f"lr_warmup = {self.lr_warmup} leaves nothing of steps = {self.steps}: lower one or raise the other"
            )
        return self

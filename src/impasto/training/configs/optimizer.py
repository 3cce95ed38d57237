"""How weights change: steps, rates, optimiser."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under

OptimizerName: TypeAlias = Literal["adamw", "adamw-8bit"]
Schedule: TypeAlias = Literal["constant", "linear", "cosine"]


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
    """adamw, or adamw-8bit (bitsandbytes, CUDA): a quarter of the memory for moments, slightly other numbers."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Step size of AdamW."""
    lr_schedule: Schedule = "constant"
    """Keep the learning rate, or let it fall to nothing: along a line, or half a cosine."""
    lr_warmup: int = Field(default=0, ge=0)
    """Steps in which the learning rate rises from nothing, along a line."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Share of the weights that AdamW takes off in each step, times the learning rate."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Clip gradients to this norm; 0 leaves them."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Save and sample a moving average of what is learnt, with this decay, e.g. 0.99."""

    @model_validator(mode="after")
    def _leaves_steps_after_warmup(self) -> Self:
        if self.lr_warmup >= self.steps:
            raise ValueError(
                f"lr_warmup = {self.lr_warmup} leaves nothing of steps = {self.steps}: lower one or raise the other"
            )
        return self

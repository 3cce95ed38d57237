"""One optimiser step: the only place where a `TrainState` moves on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from impasto.base.model import BaseModel
from impasto.core.events import TrainStep
from impasto.data.streams import Batch, Example, draw_batch
from impasto.methods._protocol import Method
from impasto.workflows.open_base import choose_dtype
from impasto.workflows.train_options import TrainOptions
from impasto.workflows.train_state import TrainState


class Diverged(Exception):
    """The loss or a gradient is not a finite number; the state is as it was after the step before.

    Args:
        batch: What was shown.
    """

    def __init__(self, batch: Batch) -> None:
        super().__init__("diverged")
        self.batch = batch


@dataclass(frozen=True)
class Stepper:
    """Takes steps.

    Attributes:
        options: Of the run.
        method: What is minimised.
        base: As the method sees it.
        device: Of the base.
        streams: What is shown.
    """

    options: TrainOptions
    method: Method
    base: BaseModel
    device: torch.device
    streams: Mapping[str, Sequence[Example]]

    def __call__(self, state: TrainState) -> TrainStep:
        """Take one step; raises `Diverged`."""
        started, step = time.perf_counter(), state.step + 1
        parameters = state.learnable.parameters()
        for group in state.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * rate_factor(self.options, step)
        batch = draw_batch(self.streams, self.options.pairs, state.rng)
        with self._arithmetic():
            loss, terms = self.method.loss(self.base, batch, state.rng)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.options.max_grad_norm or math.inf)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise Diverged(batch)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.step = step
        state.losses.append(loss.item())
        parts = tuple((name, term.item()) for name, term in terms.items())
        return TrainStep(step, self.options.steps, loss.item(), parts, time.perf_counter() - started)

    def _arithmetic(self) -> torch.autocast | nullcontext[None]:
        dtype = choose_dtype(self.options.precision, self.device)
        if dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype)


def new_optimizer(options: TrainOptions, parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Return AdamW over `parameters`."""
    return torch.optim.AdamW(list(parameters), lr=options.learning_rate, weight_decay=1e-2, fused=True)


def rate_factor(options: TrainOptions, step: int) -> float:
    """Return what the learning rate is multiplied by in `step`, which counts from 1."""
    if options.rate_schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - 1) / options.steps))

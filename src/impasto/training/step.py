"""One optimiser step: the only place where a `TrainState` moves on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.core.errors import ImpastoError
from impasto.core.events import TrainStep
from impasto.core.rng import generator
from impasto.data.streams import Batch, Example, draw_batch, of_step
from impasto.methods._protocol import Method
from impasto.models.computing.compiling import Compiled, why_not_compiled
from impasto.models.model import BaseModel
from impasto.models.open import choose_dtype, computing_in
from impasto.training.distributed import Processes
from impasto.training.learning_rate import rate_factors
from impasto.training.loss_buffer import EVERY_ON_DEVICE, LossBuffer
from impasto.training.microbatches import MicroBatches
from impasto.training.optimizers import leaves_out_steps
from impasto.training.options import TrainOptions
from impasto.training.state import TrainState


class Diverged(Exception):
    """The loss or a gradient is not a finite number; the state is as it was after the step before.

    Args:
        batches: What was shown.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        super().__init__("diverged")
        self.batches = batches


@dataclass(frozen=True)
class Learner:
    """What a step needs to know of its run.

    Attributes:
        options: What the run was asked to do.
        method: What is minimised.
        base: The base as the method sees it.
        device: Where the base is.
        processes: Which share of a step is taken here.
        passes: How many rows go through the network at once.
        blocks: What may be compiled.
    """

    options: TrainOptions
    method: Method
    base: BaseModel
    device: torch.device
    processes: Processes
    passes: MicroBatches
    blocks: Compiled


class Stepper:
    """Takes steps.

    Args:
        learner: What a step needs to know of the run.
        streams: What is shown.
        state: What steps change.
    """

    def __init__(self, learner: Learner, streams: Mapping[str, Sequence[Example]], state: TrainState) -> None:
        self._learner, self._streams, self._state = learner, streams, state
        self._is_told = leaves_out_steps(state.optimizer)
        waits = learner.device.type != "cpu" and self._is_told
        self._buffer = LossBuffer(learner.device, EVERY_ON_DEVICE if waits else 1)
        self._rng_of_methods = generator(0)
        options = learner.options
        self._rate_factor = rate_factors(
            options.lr_schedule, options.steps, options.lr_warmup, cycles=options.lr_cycles, power=options.lr_power
        )

    @property
    def notes(self) -> list[str]:
        """What the user should know; whoever tells it empties the list."""
        return self._learner.passes.notes

    def take(self) -> list[TrainStep]:
        """Take one step; returns the steps whose numbers are known now, perhaps none. Raises `Diverged`."""
        learner, state = self._learner, self._state
        self._buffer.begin()
        parameters, step = state.learnable.parameters(), state.step + 1
        for group in state.optimizer.param_groups:
            group["lr"] = group["rate"] * self._rate_factor(step)
        batches = self._draw()
        values = learner.processes.average(parameters, self._gradients(batches, parameters))
        norm = torch.nn.utils.clip_grad_norm_(parameters, learner.options.max_grad_norm or math.inf)
        if self._is_told:
            self._buffer.judge(state.optimizer, values[""], norm)
        if self._is_told or bool(torch.isfinite(values[""]) & torch.isfinite(norm)):
            state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.step = step
        self._buffer.add(step, values, norm, batches)
        found = self.read() if self._buffer.is_due else []
        if state.average is not None:  # only now: a broken step is none
            state.average.update()
        return found

    def read(self) -> list[TrainStep]:
        """Return the steps whose numbers were not known yet; raises `Diverged`."""
        found = []
        for entry in self._buffer.read():
            if not entry.is_finite:
                self._state.step = entry.step - 1  # later steps were left out
                raise Diverged(entry.batches)
            values = dict(entry.values)
            loss = values.pop("")
            self._state.losses.append(loss)
            parts = tuple(values.items())
            found.append(TrainStep(entry.step, self._learner.options.steps, loss, parts, entry.seconds))
        return found

    def _draw(self) -> tuple[Batch, ...]:
        """Return this process's share of the step; all processes draw all of it, and so stay in step."""
        options, processes = self._learner.options, self._learner.processes
        streams = of_step(self._streams, self._state.step + 1, options.seed)
        drawn = [
            draw_batch(streams, options.batch_size, self._state.rng)
            for _ in range(options.accumulate * processes.count)
        ]
        first = processes.rank * options.accumulate
        return tuple(drawn[first : first + options.accumulate])

    def _gradients(self, batches: Sequence[Batch], parameters: list[torch.nn.Parameter]) -> dict[str, Tensor]:
        learner = self._learner
        try:
            return learner.passes.gradients(batches, parameters, self._loss)
        except ImpastoError:
            raise
        except Exception as error:  # compilers fail in many ways; without them, the same error comes again
            if not learner.blocks.is_on:
                raise
            learner.blocks.turn_off()
            note = why_not_compiled(error)
        for parameter in parameters:
            parameter.grad = None
        found = learner.passes.gradients(batches, parameters, self._loss)
        self.notes.append(note)
        return found

    def _loss(self, batch: Batch, seed: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        learner = self._learner
        with computing_in(choose_dtype(learner.options.precision, learner.device), learner.device):
            return learner.method.loss(learner.base, batch, self._rng_of_methods.manual_seed(seed))

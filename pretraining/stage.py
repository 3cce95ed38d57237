"""What all stages share: a clock, a learning rate, optimiser steps, a log, and a save now and then.

A stage that is run again goes on where it was saved, with the random numbers that would have come next; `--anew` keeps
its weights and lets the rate start again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from pretraining import checkpoint
from pretraining.checkpoint import load_stage, save_stage
from pretraining.schedule import Schedule

UNTIMED = 2
"""First steps of a process, which do not count for its speed: networks are compiled and memory is found in them."""


class Stage:
    """A training run with resumable state.

    Args:
        name: Of its folder and its log.
        modules: What is saved.
        optimizer: Of what learns.
        schedule: Length of the run and learning rate.
        generators: What is drawn from in training, by any names; saved too.

    Attributes:
        step: Optimiser steps done.
        pictures: Pictures shown.
    """

    def __init__(
        self,
        name: str,
        modules: Mapping[str, nn.Module],
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        generators: Mapping[str, torch.Generator] | None = None,
    ) -> None:
        self._name, self._modules, self._optimizer = name, modules, optimizer
        self._schedule, self._generators = schedule, generators or {}
        counters = load_stage(name, modules, optimizer, self._generators)
        self.step, self.pictures = counters.get("step", 0), counters.get("pictures", 0)
        spent, anew = counters.get("seconds", 0), schedule.anew
        self._earlier = counters.get("earlier_seconds", 0) + (spent if anew else 0)
        self._first_step = self.step if anew else counters.get("earlier_steps", 0)
        self._started = time.monotonic() - (0 if anew else spent)
        self._saved = self._asked = time.monotonic()
        self._losses: list[float] = []
        self._mean_loss = float("nan")
        self._timed = (0, 0, 0.0)  # steps of this process, pictures that were timed, their seconds

    @property
    def progress(self) -> float:
        """Share of the run that has passed, from 0."""
        if self._schedule.steps is not None:
            return (self.step - self._first_step) / self._schedule.steps
        return self._seconds() / (60 * self._schedule.minutes)

    @property
    def pictures_per_second(self) -> float:
        """Speed of this process's steps, without saves and sheets; 0 before there is anything to say."""
        _, pictures, seconds = self._timed
        return pictures / seconds if seconds else 0.0

    def steps(self) -> Iterator[float]:
        """Yield the progress before every step until the end, with the learning rate set; saves at the end."""
        while (progress := self.progress) < 1:
            for group in self._optimizer.param_groups:
                group["lr"] = self._schedule.rate_at(progress)
            self._asked = time.monotonic()
            yield progress
        self.save()

    def learn(self, loss: Tensor, pictures: int = 0) -> None:
        """Do one optimiser step down the gradient of `loss` over that many pictures, clipped to norm 1."""
        torch.autograd.backward(loss)
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        self.pictures += pictures
        self._losses.append(loss.item())
        done, timed, seconds = self._timed
        if done >= UNTIMED:
            timed, seconds = timed + pictures, seconds + time.monotonic() - self._asked
        self._timed = (done + 1, timed, seconds)

    def save_if_due(self, every_minutes: float) -> bool:
        """Save and print when the last time is long enough ago; returns whether it did."""
        if time.monotonic() - self._saved < 60 * every_minutes:
            return False
        self.save()
        print(f"step {self.step}  {self.progress:.0%}  loss {self._mean_loss:.4f}", flush=True)
        return True

    def save(self) -> None:
        """Replace the saved state by the present one."""
        self._saved = time.monotonic()
        if self._losses:
            self._mean_loss = sum(self._losses) / len(self._losses)
            self._losses.clear()
        counters = {
            "step": self.step,
            "seconds": int(self._seconds()),
            "earlier_seconds": self._earlier,
            "earlier_steps": self._first_step,
            "pictures": self.pictures,
        }
        save_stage(self._name, self._modules, self._optimizer, counters, self._generators)

    def record(self, measured: Mapping[str, object]) -> None:
        """Append what was measured, with step, time, loss and speed, to the stage's log: one JSON object a line."""
        line = {
            "step": self.step,
            "pictures": self.pictures,
            "minutes": round((self._seconds() + self._earlier) / 60, 2),
            "loss": None if self._mean_loss != self._mean_loss else round(self._mean_loss, 5),
            "pictures_per_second": round(self.pictures_per_second, 2),
            **measured,
        }
        checkpoint.STAGES.mkdir(parents=True, exist_ok=True)
        with (checkpoint.STAGES / f"{self._name}-log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def _seconds(self) -> float:
        return time.monotonic() - self._started

"""What all stages share: a clock, a falling learning rate, optimiser steps, a log line and a save now and then.

Length is given in minutes, not steps: the same command suits a slow and a fast machine, and the rate always falls to
nothing. A stage that is run again goes on where it was saved; `--anew` keeps its weights and lets the rate start again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from pretraining.checkpoint import load_stage, save_stage


def falling_rate(progress: float, peak: float) -> float:
    """Return the learning rate at `progress` in [0, 1]: 2 % warm-up, then a cosine to nothing."""
    if progress < 0.02:
        return peak * progress / 0.02
    return peak * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class Stage:
    """A timed training run with resumable state.

    Args:
        name: Of its folder.
        modules: What is saved.
        optimizer: Of what learns.
        minutes: Length of the run, over which the rate falls.
        rate: Learning rate at its highest.
        anew: Start the falling rate again from the saved weights; the time spent before is kept apart.

    Attributes:
        step: Optimiser steps done.
        progress: Share of the time that has passed, from 0.
    """

    def __init__(
        self,
        name: str,
        modules: Mapping[str, nn.Module],
        optimizer: torch.optim.Optimizer,
        *,
        minutes: float,
        rate: float,
        anew: bool = False,
    ) -> None:
        self._name, self._modules, self._optimizer = name, modules, optimizer
        self._minutes, self._rate = minutes, rate
        counters = load_stage(name, modules, optimizer)
        self.step = counters.get("step", 0)
        spent = counters.get("seconds", 0)
        self._earlier = counters.get("earlier_seconds", 0) + (spent if anew else 0)
        self._started = time.monotonic() - (0 if anew else spent)
        self._saved = time.monotonic()
        self._losses: list[float] = []

    @property
    def progress(self) -> float:
        """Share of the time that has passed."""
        return (time.monotonic() - self._started) / (60 * self._minutes)

    def steps(self) -> Iterator[float]:
        """Yield the progress before every step until the time is up, with the learning rate set; saves at the end."""
        while (progress := self.progress) < 1:
            for group in self._optimizer.param_groups:
                group["lr"] = falling_rate(progress, self._rate)
            yield progress
        self.save()

    def learn(self, loss: Tensor) -> None:
        """Do one optimiser step down the gradient of `loss`, clipped to norm 1."""
        torch.autograd.backward(loss)
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        self._losses.append(loss.item())

    def save_if_due(self, every_minutes: float) -> bool:
        """Save and log when the last time is long enough ago; returns whether it did."""
        if time.monotonic() - self._saved < 60 * every_minutes:
            return False
        mean = sum(self._losses) / max(len(self._losses), 1)
        print(f"step {self.step}  {self.progress:.0%}  loss {mean:.4f}", flush=True)
        self._losses.clear()
        self.save()
        return True

    def save(self) -> None:
        """Replace the saved state by the present one."""
        self._saved = time.monotonic()
        seconds = int(self._saved - self._started)
        counters = {"step": self.step, "seconds": seconds, "earlier_seconds": self._earlier}
        save_stage(self._name, self._modules, self._optimizer, counters)

"""What the first steps of a training took, in the place of what its plan expected."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from statistics import median

import torch

from impasto.core.events import Corrected, Event, TrainStep
from impasto.training.loss_buffer import EVERY_ON_DEVICE
from impasto.training.plan import Estimate
from impasto.training.resources.memory_estimate import CONTEXT_BYTES

COUNTED = 5
"""Steps that are counted: their median is not moved by one that was compiled for another shape."""


def corrected(events: Generator[Event], cost: Estimate, device: torch.device) -> Generator[Event]:
    """Yield `events` and, once, what the first steps took.

    Nothing is asked of the device but what it was asked for the losses: a step's seconds are those of its reading.

    Args:
        events: Of a training's steps; closed with this generator.
        cost: What the plan expected.
        device: Where the steps are taken.
    """
    warm_up = 1 if device.type == "cpu" else EVERY_ON_DEVICE  # there, the first step shares a reading with these
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)  # encoders and samples came before, and are gone again
    seen: list[float] = []
    with closing(events):
        for event in events:
            yield event
            if isinstance(event, TrainStep) and len(seen) < warm_up + COUNTED:
                seen.append(event.seconds)
                if len(seen) == warm_up + COUNTED:
                    yield _correction(event, median(seen[warm_up:]), cost, device)


def _correction(at: TrainStep, seconds: float, cost: Estimate, device: torch.device) -> Corrected:
    left = seconds * (at.steps - at.step)
    return Corrected(at.step, seconds, cost.seconds / at.steps, left, peak_bytes(device), cost.bytes)


def peak_bytes(device: torch.device) -> int | None:
    """Return the most memory in use so far, of a GPU or of this process, as the plan counts it; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device)) + CONTEXT_BYTES["cuda"]
    return _peak_of_process() if device.type == "cpu" else None


def _peak_of_process() -> int | None:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the process was forked from
        found = [line.split() for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:")]
        return int(found[0][1]) * 1024 if found else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS

"""How near training is to what the machine can do: its measured matrix peak, and the operations of a network."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from impasto.core.precision import is_slow_in_bfloat16

BACKWARD = 3
"""A training step does three times the operations of a forward pass: gradients of weights and of inputs beside it."""


def computing_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype that training steps compute in on `device`."""
    return torch.float32 if is_slow_in_bfloat16(device) else torch.bfloat16


def matrix_peak(device: torch.device, dtype: torch.dtype, *, side: int | None = None, seconds: float = 0.5) -> float:
    """Measure how many operations a second a product of large square matrices reaches: the best of many.

    Args:
        device: That computes.
        dtype: Of the matrices.
        side: Of the matrices; one that suits the device where None.
        seconds: How long is measured.

    Returns:
        Additions and multiplications a second.
    """
    side = side or (1024 if device.type == "cpu" else 8192)
    rng = torch.Generator(device).manual_seed(0)
    one, other = (torch.randn((side, side), generator=rng, device=device).to(dtype) for _ in range(2))
    best, began = float("inf"), time.perf_counter()
    done = 0
    while done < 3 or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        one @ other
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best, done = min(best, time.perf_counter() - started), done + 1
    return 2 * side**3 / best


@torch.no_grad()
def forward_operations(forward: Callable[[], object]) -> int:
    """Return the additions and multiplications of matrix products and convolutions in one call of `forward`."""
    with FlopCounterMode(display=False) as counter:
        forward()
    return int(counter.get_total_flops())

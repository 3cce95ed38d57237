"""Half precision where the device is quick in it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from impasto.core.precision import is_slow_in_bfloat16


def half_where_quick(device: torch.device) -> AbstractContextManager[object]:
    """Return the context that a training step computes in: bfloat16, or float32 where that is quicker."""
    return nullcontext() if is_slow_in_bfloat16(device) else torch.autocast(device.type, torch.bfloat16)

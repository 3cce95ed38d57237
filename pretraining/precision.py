"""Half precision where the device is quick in it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

_MATRIX_UNITS = ("amx_bf16", "avx512_bf16")


def is_quick_in_half(device: torch.device) -> bool:
    """Return whether bfloat16 pays: a CPU without instructions for it takes twenty times as long as in float32."""
    return device.type != "cpu" or any(torch.cpu.get_capabilities().get(name) for name in _MATRIX_UNITS)


def half_where_quick(device: torch.device) -> AbstractContextManager[object]:
    """Return the context that a training step computes in: bfloat16, or float32 where that is quicker."""
    return torch.autocast(device.type, torch.bfloat16) if is_quick_in_half(device) else nullcontext()

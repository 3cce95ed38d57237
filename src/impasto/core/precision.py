"""Where half precision does not pay, and numbers of eight bits."""

from __future__ import annotations

import torch
from torch import Tensor

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")  # the last one is that of ARM
SLOW_IN_BFLOAT16 = "this processor has no instructions for bf16 and computes it 10 to 20 times slower than fp32"
"""What the user is told. Measured on an AMD EPYC without them: 14 times for pocket's forward pass, 10 for a step."""


def is_slow_in_bfloat16(device: torch.device) -> bool:
    """Return whether `device` computes bfloat16 many times slower than float32, as CPUs without instructions for it."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # torch 2.10 has none: nothing is known, nothing is claimed
    return device.type == "cpu" and ask is not None and not any(ask().get(name, False) for name in _INSTRUCTIONS)


def readable(tensor: Tensor) -> Tensor:
    """Return a tensor that can be computed with: numbers of 8 bits become float16, which holds each of them."""
    return tensor.to(torch.float16) if tensor.is_floating_point() and tensor.element_size() == 1 else tensor

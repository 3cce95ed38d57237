"""Optimisers by the names that people know."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import cast

import torch
from torch import nn

from impasto.core.errors import ConfigError
from impasto.training.configs.optimizer import OptimizerName

MOMENT_BYTES = {"adamw": 8, "adamw-8bit": 2}
"""Both moments of one weight, in bytes."""


def new_optimizer(
    name: OptimizerName,
    parameters: Sequence[nn.Parameter],
    rate: float,
    device: torch.device,
    weight_decay: float = 1e-2,
) -> torch.optim.Optimizer:
    """Return an optimiser over `parameters`.

    "adamw" is torch's fused one. "adamw-8bit" is that of bitsandbytes, with moments of 8 bits for large tensors
    (arXiv:2110.02861): less memory, other numbers.

    Raises:
        ConfigError: The 8-bit one cannot work here.
    """
    if name == "adamw":
        return torch.optim.AdamW(list(parameters), lr=rate, weight_decay=weight_decay, fused=True)
    why_not = why_not_8bit(device)
    if why_not:
        raise ConfigError(f"--optimizer {name} {why_not}")
    maker = cast("type[torch.optim.AdamW]", import_module("bitsandbytes.optim").AdamW8bit)
    return maker(list(parameters), lr=rate, weight_decay=weight_decay)


def why_not_8bit(device: torch.device) -> str:
    """Return why moments of 8 bits are not possible, or nothing."""
    if device.type != "cuda":
        return f"needs a CUDA device, this run is on {device.type}: leave it out"
    if find_spec("bitsandbytes") is None:
        return "needs bitsandbytes: pip install 'impasto[optim]', or leave it out"
    return ""


def leaves_out_steps(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether the optimiser can be told on the device to leave out a step (`found_inf`)."""
    return bool(optimizer.defaults.get("fused"))

"""Small tensors on their way to a device, without making the processor wait for it."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return `tensor` on `device`; a copy to a GPU is queued behind its work instead of waiting for it to be done.

    That needs page-locked memory: a copy from ordinary memory first waits until the GPU has nothing left to do, and so
    leaves it idle while the next operations are prepared.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

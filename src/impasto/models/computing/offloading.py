"""Frozen encoders leave the accelerator while nothing asks them, and are there again for samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

_AWAY = torch.device("cpu")


class OffloadedModules:
    """Networks that can be put aside in main memory.

    On the CPU there is nothing to gain, since main memory is where they are: they stay, and nothing here does anything.
    Moving weights does not change them, so a run is the same with and without.

    Args:
        networks: Frozen for the whole run.
        device: Where they work.
    """

    def __init__(self, networks: Sequence[nn.Module], device: torch.device) -> None:
        self._networks = tuple(networks) if device.type != _AWAY.type else ()
        self._device = device
        self._is_away = False

    @contextmanager
    def on_cpu(self) -> Iterator[None]:
        """Put the networks aside for the length of the block."""
        self._move(_AWAY, is_away=True)
        try:
            yield
        finally:
            self._move(self._device, is_away=False)

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """Have them back for the length of the block, and put aside again if they were."""
        if not self._is_away:
            yield
            return
        self._move(self._device, is_away=False)
        try:
            yield
        finally:
            self._move(_AWAY, is_away=True)

    def _move(self, device: torch.device, *, is_away: bool) -> None:
        for network in self._networks:
            network.to(device)
        if is_away and self._networks and self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._is_away = is_away

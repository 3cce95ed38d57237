"""Several processes that train one style together, as `accelerate launch` or `torchrun` starts them.

All of them draw the same batches from the same seed and each takes its share; gradients and losses are averaged.
Process 0 alone writes, draws samples and is asked to stop.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn

_PATIENCE = timedelta(days=7)  # the others wait while process 0 draws, or is paused


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among its fellows.

    Attributes:
        rank: Its number, from 0.
        count: How many there are.
        local_rank: Its number on its machine: which of its GPUs it takes.
        has_gpus: Whether they talk over GPUs.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    has_gpus: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    def average(self, parameters: Sequence[nn.Parameter], values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Average gradients in place; returns the averages of `values`. One message for all of them."""
        if self.count == 1:
            return dict(values)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        parts = [*gradients, *values.values()]
        sums = _sum_over_all(torch.cat([part.flatten().float() for part in parts])) / self.count
        pieces = torch.split(sums, [part.numel() for part in parts])
        for gradient, piece in zip(gradients, pieces, strict=False):
            gradient.copy_(piece.view_as(gradient))
        rest = pieces[len(gradients) :]
        return {name: piece.view(()) for name, piece in zip(values, rest, strict=True)}

    def agree(self, *, is_wanted: bool, device: torch.device) -> bool:
        """Return what process 0 wants, to all."""
        if self.count == 1:
            return is_wanted
        return bool(_sum_over_all(torch.tensor(float(is_wanted and self.is_first), device=device)).item())


def join_processes(device: str) -> Processes:
    """Return this process's place; connects to the others if it was started as one of several.

    Args:
        device: As the user chose it: "cpu" connects over gloo, even where there are GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Processes()
    from accelerate import PartialState

    has_gpus = device != "cpu" and torch.cuda.is_available()
    state = PartialState(cpu=not has_gpus, timeout=_PATIENCE)
    rank, among = int(state.process_index), int(state.num_processes)
    return Processes(rank, among, int(state.local_process_index), has_gpus)


def leave_processes() -> None:
    """Let go of the others."""
    from accelerate import PartialState

    PartialState().destroy_process_group()


def is_first_process() -> bool:
    """Return whether this is the process that writes and speaks; known without connecting."""
    return os.environ.get("RANK", "0") == "0"


def _sum_over_all(tensor: Tensor) -> Tensor:
    from accelerate.utils import reduce

    summed: Tensor = reduce(tensor, "sum")
    return summed

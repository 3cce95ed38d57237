"""Gradients of a batch, in as many passes as memory asks for.

Rows have seeds of their own (`data/streams.py`), so a batch gives the same gradient, up to rounding, in one pass or in
many. Methods that draw from the generator they are handed, instead of from the rows' seeds, see other noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from impasto.core.errors import ResourceError
from impasto.data.streams import Batch, split

LossOf = Callable[[Batch, int], tuple[Tensor, Mapping[str, Tensor]]]
"""Maps a batch and a seed to what is minimised and its terms by stream."""


@dataclass
class MicroBatches:
    """Runs batches through the network and leaves the gradients at the parameters.

    Attributes:
        size: Rows of each stream in a pass; halved when memory runs out.
        notes: What the user should know; whoever tells it empties the list.
    """

    size: int
    notes: list[str] = field(default_factory=list)

    def gradients(
        self, batches: Sequence[Batch], parameters: Sequence[nn.Parameter], loss_of: LossOf
    ) -> dict[str, Tensor]:
        """Return the mean loss of `batches` under "" and its terms by name, as tensors without a graph.

        The gradients at `parameters`, of that mean, must be None before. When memory runs out they are dropped, the
        size is halved, and all is done anew.

        Raises:
            ResourceError: One row of each stream is too much.
        """
        while True:
            try:
                return self._accumulate(batches, loss_of)
            except RuntimeError as error:  # torch.OutOfMemoryError is one
                if not is_out_of_memory(error):
                    raise
                for parameter in parameters:
                    parameter.grad = None
                self._halve(error)
            free_caches()  # out here: as long as the error was handled, its traceback kept the graph alive

    def _accumulate(self, batches: Sequence[Batch], loss_of: LossOf) -> dict[str, Tensor]:
        total: dict[str, Tensor] = {}
        for batch in batches:
            rows = _rows(batch)
            for part in split(batch, self.size):
                share = _rows(part) / (rows * len(batches))
                loss, terms = loss_of(part, _seed(part))
                torch.autograd.backward(loss if share == 1 else loss * share)
                for name, term in {"": loss, **terms}.items():
                    value = term.detach() * share
                    total[name] = total[name] + value if name in total else value
        return total

    def _halve(self, error: RuntimeError) -> None:
        if self.size == 1:
            raise ResourceError(
                "memory does not suffice for one row of each stream: try --gradient-checkpointing, a smaller "
                "--resolution, or a method that learns less"
            ) from error
        before, self.size = self.size, self.size // 2
        self.notes.append(
            f"memory ran out with {before} pictures of each stream at once: {self.size} at once from now on, the "
            "step stays what it was"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch says that memory ran out, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def free_caches() -> None:
    """Give back the memory that torch keeps for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _rows(batch: Batch) -> int:
    return max(len(part.x_0) for part in batch.values())


def _seed(batch: Batch) -> int:
    """Return the seed of a pass: that of its first row."""
    seeds = next(iter(batch.values())).seeds
    return seeds[0] if seeds else 0

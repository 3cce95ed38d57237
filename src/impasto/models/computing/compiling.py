"""Compile the blocks that a denoiser repeats, where that works; where it does not, go on without, and say so.

The blocks are compiled one by one (diffusers lists them in `_repeated_blocks`, the family adds others): one compilation
serves all blocks of a shape, so it takes a fraction of the time of compiling the whole network. Nothing is compiled
before a block is called; whoever calls decides what a failure means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from impasto.core.errors import first_line

_LIMIT = 64
"""Shapes for which a block's code may be compiled; torch's own limit, 8, is soon reached with several widths."""


class Compiled:
    """The repeated blocks of a denoiser, compiled or not.

    Args:
        denoiser: Its adapters are attached already: wrapping a layer later would not be seen.
        repeated: Classes of blocks, besides those that diffusers lists.
    """

    def __init__(self, denoiser: nn.Module, repeated: Sequence[str]) -> None:
        wanted = {*getattr(denoiser, "_repeated_blocks", ()), *repeated}
        self._blocks = [block for block in denoiser.modules() if type(block).__name__ in wanted]
        self.is_on = False

    def turn_on(self) -> None:
        """Compile every block when it is met next."""
        for block in self._blocks:
            block.compile(dynamic=False)
        self.is_on = bool(self._blocks)

    def turn_off(self) -> None:
        """Take the compiled code off; the blocks are what they were."""
        for block in self._blocks:
            block._compiled_call_impl = None  # what `nn.Module.compile` sets; torch has no call that takes it back
        self.is_on = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Compute as if nothing were compiled, for the length of the block: other shapes would be compiled too."""
        kept = [block._compiled_call_impl for block in self._blocks]
        was_on = self.is_on
        self.turn_off()
        try:
            yield
        finally:
            for block, implementation in zip(self._blocks, kept, strict=True):
                block._compiled_call_impl = implementation
            self.is_on = was_on


@contextmanager
def compiled(denoiser: nn.Module, repeated: Sequence[str], *, is_wanted: bool) -> Iterator[Compiled]:
    """Compile the repeated blocks of a denoiser for the length of the block, if that is wanted; see `Compiled`."""
    blocks = Compiled(denoiser, repeated)
    if not is_wanted:
        yield blocks
        return
    with torch._dynamo.config.patch(recompile_limit=_LIMIT):
        try:
            blocks.turn_on()
            yield blocks
        finally:
            blocks.turn_off()


def why_not_compiled(error: Exception) -> str:
    """Return a line that says that the run goes on without, and why."""
    return (
        f"--compile did not work here, the run goes on without it ({type(error).__name__}: {first_line(error)[:160]})"
    )

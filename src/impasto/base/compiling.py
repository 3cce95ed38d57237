"""Compile the blocks that a UNet repeats, where that works; where it does not, go on without, and say so.

The blocks are compiled one by one (diffusers lists them in `_repeated_blocks`): one compilation serves all blocks of a
shape, so it takes a fraction of the time of compiling the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

_RESIDUAL = "ResnetBlock2D"  # convolutions, the larger part of a small UNet


class Compiled:
    """The repeated blocks of a UNet, compiled.

    Args:
        unet: Its adapters are attached already: wrapping a layer later would not be seen.
    """

    def __init__(self, unet: nn.Module) -> None:
        wanted = {*getattr(unet, "_repeated_blocks", ()), _RESIDUAL}
        self._blocks = [block for block in unet.modules() if type(block).__name__ in wanted]
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
def compiled(unet: nn.Module, attempt: Callable[[], object]) -> Iterator[tuple[Compiled, str]]:
    """Compile the repeated blocks for the length of the block.

    Args:
        unet: With everything attached.
        attempt: Does one pass forwards and back; gradients must be dropped by whoever gives it.

    Yields:
        What was compiled, and a note: empty when it works, else why nothing is compiled.
    """
    blocks = Compiled(unet)
    note = ""
    try:
        blocks.turn_on()
        if blocks.is_on:
            note = _why_not(attempt)
        else:
            note = "--compile: this base has no block that is repeated; nothing is compiled"
        if note:
            blocks.turn_off()
        yield blocks, note
    finally:
        blocks.turn_off()


def _why_not(attempt: Callable[[], object]) -> str:
    """Return why the compiled blocks do not run, in a line, or nothing; memory that runs out is not their fault."""
    try:
        attempt()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # compilers fail in many ways: a missing g++, an operator, an assertion of their own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"--compile did not work here, the run goes on without it ({type(error).__name__}: {first[:160]})"
    return ""

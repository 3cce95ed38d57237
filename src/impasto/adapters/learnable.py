"""What a method may learn: something that is attached to the base, trained, read out, and taken off again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor, nn


class Learnable(Protocol):
    """Part of a base that is being learnt."""

    def attach(self) -> None:
        """Change the base so that `parameters` take part in it."""

    def detach(self) -> None:
        """Put the base back, bit for bit."""

    def parameters(self) -> list[nn.Parameter]:
        """Return what the optimiser changes; all require gradients while attached."""

    def text_parameters(self) -> list[nn.Parameter]:
        """Return those of `parameters` that belong to text encoders, rows of new words among them."""

    def tensors(self) -> dict[str, Tensor]:
        """Return what was learnt so far, under the names of the style file, detached, on the CPU."""

    def learns_text(self) -> bool:
        """Return whether encoded prompts change during training."""


class CompositeLearnable:
    """Several learnables as one."""

    def __init__(self, parts: Sequence[Learnable]) -> None:
        self._parts = tuple(parts)

    def attach(self) -> None:
        """Attach all, in order."""
        for part in self._parts:
            part.attach()

    def detach(self) -> None:
        """Detach all, in reverse order."""
        for part in reversed(self._parts):
            part.detach()

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters of all parts."""
        return [parameter for part in self._parts for parameter in part.parameters()]

    def text_parameters(self) -> list[nn.Parameter]:
        """Return those of text encoders, of all parts."""
        return [parameter for part in self._parts for parameter in part.text_parameters()]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of all parts."""
        return {name: tensor for part in self._parts for name, tensor in part.tensors().items()}

    def learns_text(self) -> bool:
        """Return whether any part changes encoded prompts."""
        return any(part.learns_text() for part in self._parts)


@contextmanager
def learning(learnable: Learnable) -> Iterator[Learnable]:
    """Attach `learnable` for the length of the block; the base is bit-identical afterwards, whatever happens."""
    try:
        learnable.attach()
        yield learnable
    finally:
        learnable.detach()

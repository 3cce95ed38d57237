"""Ctrl+C during training: the first press finishes the step and saves, the second one stops at once."""

from __future__ import annotations

import signal
import sys
from types import FrameType


class StopOnInterrupt:
    """A stop request that SIGINT and SIGTERM set. Use as a context manager; call it to ask."""

    def __init__(self) -> None:
        self._asked = False
        self._is_armed = False

    def arm(self) -> None:
        """From now on a first Ctrl+C asks for a stop; before, it raises `KeyboardInterrupt` as usual."""
        self._is_armed = True

    def __call__(self) -> bool:
        """Return whether a stop was asked for."""
        return self._asked

    def __enter__(self) -> StopOnInterrupt:
        self._previous = {kind: signal.signal(kind, self._handle) for kind in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for kind, handler in self._previous.items():
            signal.signal(kind, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked or not self._is_armed:
            raise KeyboardInterrupt
        self._asked = True
        print("\nimpasto: finishing this step and saving; once more stops at once", file=sys.stderr)

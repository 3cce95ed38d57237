"""Ctrl+C during training: the first press finishes the step and saves, the second one stops at once."""

from __future__ import annotations

import signal
import sys
from types import FrameType


class StopOnInterrupt:
    """A stop request that SIGINT and SIGTERM set. Use as a context manager; call it to ask.

    Nobody asks before there is something to save: until the first question, Ctrl+C raises `KeyboardInterrupt` as usual,
    and so it does after `disarm`.
    """

    def __init__(self) -> None:
        self._asked = False
        self._is_armed = False

    @property
    def was_asked(self) -> bool:
        """Whether a stop was asked for."""
        return self._asked

    def disarm(self) -> None:
        """Nobody will ask from now on: Ctrl+C raises `KeyboardInterrupt` again."""
        self._is_armed = False

    def __call__(self) -> bool:
        """Return whether a stop was asked for; from the first question on, Ctrl+C is such a wish."""
        self._is_armed = True
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

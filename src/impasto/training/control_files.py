"""Steer a run by files in its folder: make an empty file called `pause`, `resume`, `draw` or `stop` there.

| file | the run |
|---|---|
| `draw` | draws samples after this step, and removes the file |
| `pause` | writes a checkpoint and waits until the file is gone, or there is one called `resume`; both are removed |
| `stop` | writes a checkpoint, saves the style so far and ends, as with Ctrl+C |

Only that a file is there counts, never what is in it. While a process holds the lock of a folder called `give-way`
there, the run waits between two steps and writes nothing: whoever needs the processor for a moment takes it so, and a
process that dies cannot forget to give it back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from impasto.core.errors import ResourceError
from impasto.core.lock import is_locked

PAUSE, RESUME, DRAW, STOP = "pause", "resume", "draw", "stop"
GIVE_WAY = "give-way"
_POLL_SECONDS = 0.2
_GIVE_WAY_SECONDS = 0.02


class Steering:
    """The files of one run folder.

    Args:
        folder: The run folder, in which the files are looked for.
        stop: The caller's own wish to stop, asked as well.
    """

    def __init__(self, folder: Path, stop: Callable[[], bool]) -> None:
        self._folder = folder
        self._asked = stop
        self._is_stopped = False

    def stops(self) -> bool:
        """Return whether the run is to end; a `stop` file is removed and remembered."""
        self._is_stopped = self._is_stopped or self._take(STOP)
        return self._is_stopped or self._asked()

    def draws(self) -> bool:
        """Return whether samples are wanted now; the file is removed."""
        return self._take(DRAW)

    def pauses(self) -> bool:
        """Return whether the run is to wait; a leftover `resume` without a `pause` is removed."""
        is_paused = (self._folder / PAUSE).exists()
        if self._take(RESUME) and is_paused:
            self._take(PAUSE)
            return False
        return is_paused

    def give_way(self) -> None:
        """Wait for as long as another process holds the lock of `give-way`, or until the run is to end."""
        while is_locked(self._folder / GIVE_WAY) and not self.stops():
            time.sleep(_GIVE_WAY_SECONDS)

    def wait(self) -> None:
        """Sleep a moment."""
        time.sleep(_POLL_SECONDS)

    def _take(self, name: str) -> bool:
        path = self._folder / name
        if not path.exists():
            return False
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ResourceError(
                f"cannot remove {path} ({(error.strerror or str(error)).lower()}): it asks to {name}"
            ) from error
        return True

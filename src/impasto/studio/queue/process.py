"""What the processes that compute have in common: one lock for as long as they live, one outcome when they end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto.core.errors import ResourceError, RunError
from impasto.core.files import write_text
from impasto.core.lock import FolderLock
from impasto.studio.queue.jobs import OUTCOME, note_start

_PATIENCE = 2.0
"""Seconds to try for a lock: whoever asks whether it is held, holds it for a moment."""


@contextmanager
def computing(folder: Path) -> Iterator[None]:
    """Hold the lock of a job's folder, and note that it was started.

    Raises:
        RunError: Another process computes it already.
    """
    lock = patient_lock(folder)
    try:
        note_start(folder)
        (folder / OUTCOME).unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def patient_lock(folder: Path) -> FolderLock:
    """Return the lock of a folder, tried for until `_PATIENCE` is over."""
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            return FolderLock(folder)
        except RunError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def write_outcome(folder: Path, code: int, message: str = "") -> None:
    """Say how a job ended; on a full disk nothing is said, and the job goes on later."""
    with suppress(ResourceError):
        write_text(folder / OUTCOME, json.dumps({"code": code, "message": message}) + "\n")

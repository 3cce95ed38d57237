"""Trials of a comparison that cost nothing, where other processes can import them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from impasto.core.errors import ConfigError


@dataclass(frozen=True)
class Trial:
    folder: Path
    index: int

    @property
    def key(self) -> str:
        return f"key {self.index}"

    @property
    def tries(self) -> Path:
        return self.folder / f"{self.key}.tries"

    @property
    def file(self) -> Path:
        return self.folder / self.key


def trials(folder: Path, count: int) -> list[Trial]:
    return [Trial(folder, index) for index in range(count)]


def note(trial: Trial) -> None:
    """A trial's work: leaves a file; trial 1 cannot, and trial 2 kills its process the first time."""
    with trial.tries.open("a") as stream:
        stream.write("x")
    if trial.index == 1:
        raise ConfigError("one line")
    if trial.index == 2 and len(trial.tries.read_text()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    trial.file.write_text(str(trial.index))


def note_slowly(trial: Trial) -> None:
    """Leaves a file after a moment."""
    time.sleep(0.2)
    trial.file.write_text(str(trial.index))

"""Cells of a comparison that cost nothing, where other processes can import them."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from impasto.core.errors import ConfigError


@dataclass(frozen=True)
class Cell:
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


def cells(folder: Path, count: int) -> list[Cell]:
    return [Cell(folder, index) for index in range(count)]


def note(cell: Cell) -> None:
    """A cell's work: leaves a file; cell 1 cannot, and cell 2 kills its process the first time."""
    with cell.tries.open("a") as stream:
        stream.write("x")
    if cell.index == 1:
        raise ConfigError("one line")
    if cell.index == 2 and len(cell.tries.read_text()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    cell.file.write_text(str(cell.index))

"""The sheet of a run's samples: a row for each step, the untrained base first, and style pictures to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from impasto.data.png import write_png
from impasto.reporting.grids import in_a_row, labelled_table

_FOLDER, _SHEET = "samples", "samples.png"


class SampleSheet:
    """Strips of sample pictures in `samples/`, and the labelled sheet of all of them.

    Args:
        folder: The run folder.
        prompts: What the samples show, as the user wrote it.
        style: Some style pictures, as large as samples, for comparison.
    """

    def __init__(self, folder: Path, prompts: Sequence[str], style: Sequence[Image.Image]) -> None:
        self._folder, self._prompts, self._style = folder, prompts, style

    @property
    def path(self) -> Path:
        """Where the sheet is."""
        return self._folder / _SHEET

    def add(self, step: int, pictures: Sequence[Image.Image]) -> Path:
        """Write the strip of a step, and the sheet anew; returns where the strip is."""
        strip = self._folder / _FOLDER / f"step-{step:06d}.png"
        write_png(strip, in_a_row(pictures))
        write_png(self.path, self._joined(pictures[0].width))
        return strip

    def _joined(self, wide: int) -> Image.Image:
        rows = []
        for path in sorted((self._folder / _FOLDER).glob("step-*.png")):
            step = int(path.stem.removeprefix("step-"))
            with Image.open(path) as strip:
                lefts = range(0, strip.width, wide)
                cut = [strip.crop((left, 0, left + wide, strip.height)).convert("RGB") for left in lefts]
            if len(cut) == len(self._prompts):  # the run may be resumed with other prompts
                rows.append((f"step {step}" if step else "untrained", cut))
        shown = [self._style[index % len(self._style)] for index in range(len(self._prompts))] if self._style else []
        return labelled_table(self._prompts, [*rows, *([("your pictures", shown)] if shown else [])])

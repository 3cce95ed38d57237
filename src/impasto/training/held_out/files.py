"""Files of measurements in the run folder: sheets, the curve, and the style of the best step so far.

    held-out.png                             the curve
    held-out/step-000040.png                 what was drawn at a step
    held-out/best/step-000040.safetensors    the style of the best step

A run that is resumed from a checkpoint must find the style that was the best then, so that one stays beside a better
one until the next checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image

from impasto.core.errors import RunError
from impasto.core.events import HeldOutMeasured
from impasto.core.files import staged
from impasto.data.png import write_png
from impasto.reporting.grids import in_a_row
from impasto.reporting.panels import Panel, save_panels
from impasto.style.file import Style, load_style, save_style

_FOLDER, _BEST, _CURVE = "held-out", "best", "held-out.png"


def last_path(out: Path) -> Path:
    """Return where the last step goes when another one is the style file."""
    return out.with_name(f"{out.stem}-last{out.suffix}")


def step_path(out: Path, step: int) -> Path:
    """Return where the style of a step goes that --save-every keeps."""
    return out.with_name(f"{out.stem}-step-{step:06d}{out.suffix}")


class HeldOutFiles:
    """What measurements leave in a run folder.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._run, self._folder = folder, folder / _FOLDER
        self._protected: int | None = None

    def sheet(self, step: int) -> Path:
        """Return where the pictures of a step are."""
        return self._folder / f"step-{step:06d}.png"

    def save_sheet(self, step: int, pictures: Sequence[Image.Image]) -> Path:
        """Write the pictures of a step side by side; returns where."""
        path = self.sheet(step)
        write_png(path, in_a_row(pictures))
        return path

    def save_curve(self, measured: Sequence[HeldOutMeasured], best: int | None) -> Path:
        """Draw what was measured so far; returns where."""
        panels = [
            Panel(
                "distance",
                [(each.step, each.distance) for each in measured],
                [each.standard_error for each in measured],
            ),
            Panel("match", [(each.step, each.match) for each in measured if each.match is not None]),
            Panel("copying", [(each.step, each.copying) for each in measured]),
        ]
        path = self._run / _CURVE
        with staged(path) as staging:
            save_panels(staging, [panel for panel in panels if panel.points], marked=best)
        return path

    def keep(self, step: int, style: Style) -> None:
        """Write the style of a step that is the best so far."""
        save_style(self._style(step), style)
        self._remove_others(step)

    def protect(self, step: int) -> None:
        """Note that a checkpoint was written or read while `step` was the best: its style stays.

        Raises:
            RunError: It is gone.
        """
        path = self._style(step)
        if not path.is_file():
            raise RunError(f"{path} was removed, and it is the best step so far: begin anew with another --run-dir")
        self._protected = step
        self._remove_others(step)

    def best(self, step: int) -> Style:
        """Return the style of the best step; raises `StyleFileError` where it was removed."""
        return load_style(self._style(step))

    def clear(self) -> None:
        """Remove the styles that were kept: the run is finished, and the best one is the style file."""
        shutil.rmtree(self._folder / _BEST, ignore_errors=True)

    def _style(self, step: int) -> Path:
        return self._folder / _BEST / f"step-{step:06d}.safetensors"

    def _remove_others(self, step: int) -> None:
        stay = {self._style(each) for each in (step, self._protected) if each is not None}
        for path in (self._folder / _BEST).glob("step-*.safetensors"):
            if path not in stay:
                with suppress(OSError):  # it only takes room
                    path.unlink()

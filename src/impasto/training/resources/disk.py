"""Find a disk that is too small before step 1, and not when there is something to lose."""

from __future__ import annotations

import shutil
from pathlib import Path

from impasto.core.errors import ResourceError
from impasto.core.formatting import format_bytes
from impasto.methods._protocol import Method
from impasto.training.options import TrainOptions
from impasto.training.state import TrainState

_SPARE = 64 * 2**20  # samples, log, plot
_BEST = 2  # the best step's style, and the one that was the best at the last checkpoint
_CHECKPOINTS = 2  # the one before stays until the new one is in place


def refuse_low_disk(options: TrainOptions, method: Method, state: TrainState, folder: Path) -> None:
    """Raise `ResourceError` unless style file and checkpoints fit on their disks."""
    style = _style_bytes(method, state)
    files = 1 + options.measures + ((options.steps - 1) // options.save_every if options.save_every else 0)
    kept = _BEST * style if options.measures else 0
    needs = [
        (options.out, "the style file" if files == 1 else f"{files} style files", files * style),
        (folder, "samples and checkpoints", _CHECKPOINTS * state.size() + kept + _SPARE),
    ]
    free: dict[int, int] = {}
    for path, what, size in needs:
        nearest = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.is_dir())
        disk = nearest.stat().st_dev
        left = free.setdefault(disk, shutil.disk_usage(nearest).free)
        if left < size:
            raise ResourceError(
                f"the disk of {path} has {format_bytes(left)} free, {what} may need {format_bytes(size)}: free "
                "some, or name another place (--out, --run-dir)"
            )
        free[disk] = left - size


def _style_bytes(method: Method, state: TrainState) -> int:
    width = 2 if method.kind() == "full" else 4  # differences are saved in half precision
    return width * sum(parameter.numel() for parameter in state.learnable.parameters())

"""Numbers of a run for the pages that people watch runs on: TensorBoard and Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TrackerName: TypeAlias = Literal["none", "tensorboard", "wandb"]
_PROJECT = "impasto"


class Tracker(Protocol):
    """Where numbers of a run go, beside its own log."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers of a step by name."""

    def picture(self, step: int, name: str, path: Path) -> None:
        """Note a picture of a step."""

    def close(self) -> None:
        """Write what is left."""


class NoTracker:
    """Notes nothing."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def picture(self, step: int, name: str, path: Path) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Writer(Protocol):
    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def add_image(self, tag: str, img_tensor: NDArray[np.uint8], global_step: int, *, dataformats: str) -> None: ...

    def close(self) -> None: ...


class TensorBoardTracker:
    """Writes event files for TensorBoard.

    Args:
        folder: Of the run; they go to `tensorboard` in it.
        after: Step that the run goes on after: what was noted later is hidden, for it comes again.
    """

    def __init__(self, folder: Path, after: int) -> None:
        maker = import_module("torch.utils.tensorboard").SummaryWriter
        purged = after + 1 if after else None
        self._writer = cast(_Writer, maker(log_dir=str(folder / "tensorboard"), purge_step=purged))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers of a step by name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, path: Path) -> None:
        """Note a picture of a step."""
        with Image.open(path) as opened:
            self._writer.add_image(name, np.asarray(opened.convert("RGB")), step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class _Run(Protocol):
    def log(self, data: Mapping[str, object], *, step: int) -> None: ...

    def finish(self) -> None: ...


class _WandB(Protocol):
    def init(self, *, project: str, name: str, dir: str, config: Mapping[str, object]) -> _Run: ...  # noqa: A002

    def Image(self, path: str) -> object: ...  # noqa: N802 - its name


class WandBTracker:
    """Sends numbers to Weights & Biases, as its own environment variables say (WANDB_MODE=offline keeps them here).

    Args:
        folder: Of the run; names it.
        config: What the run was asked to do.
    """

    def __init__(self, folder: Path, config: Mapping[str, object]) -> None:
        self._wandb = cast(_WandB, import_module("wandb"))
        folder.mkdir(parents=True, exist_ok=True)
        self._run = self._wandb.init(project=_PROJECT, name=folder.name, dir=str(folder), config=config)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers of a step by name."""
        self._run.log(dict(values), step=step)

    def picture(self, step: int, name: str, path: Path) -> None:
        """Note a picture of a step."""
        self._run.log({name: self._wandb.Image(str(path))}, step=step)

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()


def open_tracker(name: TrackerName, folder: Path, config: Mapping[str, object], after: int) -> Tracker:
    """Return the tracker called `name`.

    Args:
        name: "none", "tensorboard" or "wandb".
        folder: Of the run.
        config: What the run was asked to do.
        after: Step that it goes on after, or 0.
    """
    if name == "tensorboard":
        return TensorBoardTracker(folder, after)
    return WandBTracker(folder, config) if name == "wandb" else NoTracker()

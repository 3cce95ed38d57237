"""The run folder: `run.json`, `events.jsonl`, sample pictures and the loss plot."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.events import Event
from impasto.core.files import staged, write_text

_LIBRARIES = ("impasto", "torch", "diffusers", "transformers", "peft", "safetensors")


def library_versions() -> dict[str, str]:
    """Return the versions that a run depends on."""
    return {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version()}


class RunFolder:
    """Where a run writes everything but its style file.

    Raises:
        ConfigError: The folder holds another run already.
    """

    def __init__(self, folder: Path) -> None:
        if (folder / "run.json").exists():
            raise ConfigError(f"--run-dir {folder} holds a run already: choose another folder, or remove that one")
        self.folder = folder
        self._started = datetime.now(UTC)
        self._losses: list[tuple[int, float]] = []

    def begin(self, options: Mapping[str, object], plan: Mapping[str, str]) -> None:
        """Write `run.json` with what the run is about to do."""
        self._facts: dict[str, object] = {
            "started": self._started.isoformat(timespec="seconds"),
            "options": dict(options),
            "plan": dict(plan),
            "versions": library_versions(),
            "machine": f"{platform.system()} {platform.machine()}",
        }
        self._write_facts()

    def finish(self, outcome: str) -> None:
        """Add how the run ended and how long it took, and draw the losses."""
        seconds = (datetime.now(UTC) - self._started).total_seconds()
        self._facts |= {"outcome": outcome, "seconds": round(seconds, 1)}
        self._write_facts()
        if self._losses:
            self._plot()

    def _write_facts(self) -> None:
        write_text(self.folder / "run.json", json.dumps(self._facts, indent=2, default=str) + "\n")

    def log(self, event: Event) -> None:
        """Append an event to `events.jsonl`."""
        row = {"event": type(event).__name__} | dataclasses.asdict(event)
        target = self.folder / "events.jsonl"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with target.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row, default=str) + "\n")
        except OSError as error:
            raise ResourceError(f"cannot write {target}: {(error.strerror or str(error)).lower()}") from error

    def note_loss(self, step: int, loss: float) -> None:
        """Remember a loss for the plot."""
        self._losses.append((step, loss))

    def mean_loss(self) -> float:
        """Return the mean of the last tenth of the losses; 0 before the first step."""
        last = [loss for _, loss in self._losses[-max(1, len(self._losses) // 10) :]]
        return sum(last) / len(last) if last else 0.0

    def save_samples(self, step: int, pictures: Sequence[Image.Image]) -> Path:
        """Write one strip of sample pictures and return its path."""
        strip = Image.new("RGB", (sum(picture.width for picture in pictures), pictures[0].height))
        left = 0
        for picture in pictures:
            strip.paste(picture, (left, 0))
            left += picture.width
        path = self.folder / "samples" / f"step-{step:06d}.png"
        with staged(path) as staging:
            strip.save(staging, format="PNG")
        return path

    def _plot(self) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.5), layout="constrained")
        axes = figure.subplots()
        steps, losses = zip(*self._losses, strict=True)
        axes.plot(steps, losses, linewidth=0.6, color="#c9b8a6", label="each step")
        axes.plot(steps, _smoothed(losses), linewidth=1.8, color="#b5482a", label="mean of 25")
        axes.set(xlabel="step", ylabel="loss", xlim=(1, max(steps[-1], 2)))
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        with staged(self.folder / "loss.png") as staging:
            figure.savefig(staging, format="png", dpi=120)


def _smoothed(values: Sequence[float], window: int = 25) -> list[float]:
    means = []
    for index in range(len(values)):
        part = values[max(0, index + 1 - window) : index + 1]
        means.append(sum(part) / len(part))
    return means

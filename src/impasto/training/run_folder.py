"""The run folder: `run.json`, `events.jsonl`, checkpoints, sample pictures and the loss plot. One run at a time."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from impasto.core.checkpoints import clear_leftovers
from impasto.core.errors import ConfigError, ResourceError, RunError
from impasto.core.events import Event
from impasto.core.files import clear_staged, staged, write_text
from impasto.core.former_names import former_or_present
from impasto.core.lock import FolderLock
from impasto.core.redaction import Private
from impasto.core.versions import library_versions
from impasto.reporting.plots import running_means

_FACTS, _LOG, _PLOT = "run.json", "events.jsonl", "loss.png"
_WINDOW = 25
"""Steps whose losses are averaged in the plot."""


class RunFolder:
    """Where a run writes everything but its style file. Use as a context manager: it lets go of the folder's lock.

    Args:
        folder: Made when the run begins.
        resume: Whether the run in it is resumed; the folder is then locked at once.
        private: Paths as the user named them, kept out of logs.

    Raises:
        ConfigError: The folder holds another run already.
        RunError: There is no run to resume, or another process runs in it.
    """

    def __init__(self, folder: Path, *, resume: bool = False, private: Sequence[str] = ()) -> None:
        self.folder = folder
        self._private = Private([*private, str(folder)])
        self._started = datetime.now(UTC)
        self._facts: dict[str, object] = {}
        self._lock: FolderLock | None = None
        if not resume:
            self._refuse_another_run()
            return
        if not (folder / _FACTS).is_file():
            raise RunError(f"--resume: --run-dir {folder} holds no run: leave out --resume to begin one there")
        self._claim()
        try:
            self._facts = self._read_facts()
        except RunError:
            self._release()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @property
    def checkpoints(self) -> Path:
        """Where its checkpoints are."""
        return former_or_present(self.folder / "checkpoints")

    @property
    def saved_facts(self) -> Mapping[str, object]:
        """What `run.json` said when a run is resumed; empty for a new one."""
        return self._facts

    def _refuse_another_run(self) -> None:
        if (self.folder / _FACTS).exists():
            raise ConfigError(
                f"--run-dir {self.folder} holds a run already: choose another folder, remove that one, or go on "
                "with it by --resume"
            )

    def _claim(self) -> None:
        if self._lock is None:
            self._lock = FolderLock(self.folder)
        clear_leftovers(self.checkpoints)
        for name in (_FACTS, _PLOT):
            clear_staged(self.folder / name)

    def _read_facts(self) -> dict[str, object]:
        path = self.folder / _FACTS
        try:
            facts = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path} is damaged ({type(error).__name__}): begin anew with another --run-dir") from error
        if not isinstance(facts, dict):
            raise RunError(f"{path} is damaged (no table): begin anew with another --run-dir")
        return facts

    def begin(self, options: Mapping[str, object], plan: Mapping[str, str], known: Mapping[str, object]) -> None:
        """Write `run.json` with what the run is about to do, what it is expected to take, and what makes it this run.

        Raises:
            ConfigError: Another run began here in the meantime.
            RunError: Another run is at work here.
        """
        if self._lock is None:
            self._claim()
            self._refuse_another_run()
        self._facts = {
            "started": self._facts.get("started", self._started.isoformat(timespec="seconds")),
            "options": self._private(dict(options)),
            "plan": self._private(dict(plan)),
            **known,
            "versions": library_versions(),
            "machine": f"{platform.system()} {platform.machine()}",
            "resumed": self._facts.get("resumed", []),
            "seconds": self._facts.get("seconds", 0),
        }
        self._write_facts()

    def go_on(self, step: int, log_bytes: int) -> None:
        """Note that the run goes on after `step`; what the log said after that is cut off, for it comes again."""
        noted = {"after_step": step, "at": self._started.isoformat(timespec="seconds")}
        before = self._facts.get("resumed")
        self._facts["resumed"] = [*(before if isinstance(before, list) else []), noted]
        self._write_facts()
        log = self.folder / _LOG
        if log.is_file() and log.stat().st_size > log_bytes:
            os.truncate(log, log_bytes)

    def add(self, facts: Mapping[str, object]) -> None:
        """Add facts that became known on the way to `run.json`."""
        self._facts |= facts
        self._write_facts()

    def finish(self, outcome: str, losses: Sequence[float]) -> None:
        """Add how the run ended and how long it took, and draw the losses."""
        seconds, before = (datetime.now(UTC) - self._started).total_seconds(), self._facts.get("seconds")
        total = round(seconds + (before if isinstance(before, int | float) else 0), 1)
        self._facts |= {"outcome": outcome, "seconds": total}
        self._write_facts()
        if losses:
            self._plot(losses)

    def _write_facts(self) -> None:
        write_text(self.folder / _FACTS, json.dumps(self._facts, indent=2, default=str) + "\n")

    def log(self, event: Event) -> None:
        """Append an event to `events.jsonl`."""
        row = self._private({"event": type(event).__name__} | dataclasses.asdict(event))
        target = self.folder / _LOG
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with target.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row, default=str) + "\n")
        except OSError as error:
            raise ResourceError(f"cannot write {target}: {(error.strerror or str(error)).lower()}") from error

    def log_bytes(self) -> int:
        """Return how long the log is."""
        log = self.folder / _LOG
        return log.stat().st_size if log.is_file() else 0

    def _plot(self, losses: Sequence[float]) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.5), layout="constrained")
        axes = figure.subplots()
        steps = range(1, len(losses) + 1)
        axes.plot(steps, losses, linewidth=0.6, color="#c9b8a6", label="each step")
        axes.plot(steps, running_means(losses, _WINDOW), linewidth=1.8, color="#b5482a", label=f"mean of {_WINDOW}")
        axes.set(xlabel="step", ylabel="loss", xlim=(1, max(steps[-1], 2)))
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        with staged(self.folder / _PLOT) as staging:
            figure.savefig(staging, format="png", dpi=120)

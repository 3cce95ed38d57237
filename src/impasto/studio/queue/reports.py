"""What the page shows of a job, made from nothing but its folder."""

from __future__ import annotations

import json
from pathlib import Path

from impasto.core.errors import ImpastoError
from impasto.core.formatting import format_duration
from impasto.core.shell import command
from impasto.studio.queue.jobs import EVENTS, RUN, Spec, State, message_of, read_spec, state_of
from impasto.studio.queue.told import Told
from impasto.studio.workspace import without_paths


class Report:
    """One job, looked at again and again.

    Args:
        folder: Of the job.

    Raises:
        RunError: The folder does not say what is wanted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: Spec = read_spec(folder)
        self.told = Told()

    @property
    def log(self) -> Path:
        """Where its events are."""
        return self.folder / RUN / EVENTS if self.spec.kind == "train" else self.folder / EVENTS

    def _plan(self) -> list[tuple[str, str]]:
        """Return the plan that a run folder keeps."""
        try:
            facts = json.loads((self.folder / RUN / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            return []
        rows = facts.get("plan") if isinstance(facts, dict) else None
        return [(str(what), str(value)) for what, value in rows.items()] if isinstance(rows, dict) else []

    def look(self) -> dict[str, object]:
        """Return what the page shows."""
        state = state_of(self.folder)  # first: what is written after it is read below
        self.told.read(self.log)
        left = self.told.seconds_left()
        return {
            "id": self.folder.name,
            "kind": self.spec.kind,
            "title": self.spec.title,
            "state": state.value,
            "created": self.spec.created,
            "form": dict(self.spec.form),
            "message": without_paths(message_of(self.folder), self.folder.parents[1]) if state is State.FAILED else "",
            "step": self.told.step,
            "steps": self.told.steps,
            "doing": self.told.doing,
            "left": format_duration(left) if left is not None and state is State.RUNNING else "",
            "samples": sorted(set(self.told.samples)),
            "pictures": self.told.pictures,
            "preview": self.told.preview if state is State.RUNNING else None,
            "notes": [without_paths(note, self.folder.parents[1]) for note in self.told.notes[-12:]],
            "plan": self.told.plan or self._plan(),
            "saved": self.told.saved,
            "measured": self.told.measured,
            "kept": sorted(set(self.told.kept)),
            "verdict": self.told.verdict,
            "out": Path(str(self.spec.settings.get("out", ""))).name,
            "command": command("impasto", *self.spec.command),
        }


def report_of(folder: Path) -> Report | None:
    """Return the report of a job, or None where its folder holds none."""
    try:
        return Report(folder)
    except ImpastoError:
        return None

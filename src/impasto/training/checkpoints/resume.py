"""Find what a run left to go on from, and refuse what does not belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from impasto.core.checkpoints import Checkpoint, newest_checkpoint
from impasto.core.errors import RunError
from impasto.core.former_names import with_present_names
from impasto.training.checkpoints.fingerprint import refuse_other_run
from impasto.training.configs.optimizer import OptimizerConfig
from impasto.training.run_folder import RunFolder

COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left.

    Attributes:
        checkpoint: Where it goes on from, or None when it was ended before there was any: it begins at step 1 again.
        base: What it remembered of its base.
        aux: Hashes of the auxiliary pictures that the base drew, by stream.
        notes: What the user should know of it.
    """

    checkpoint: Checkpoint | None
    base: Mapping[str, object]
    aux: object
    notes: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        """Steps done."""
        return self.checkpoint.step if self.checkpoint else 0

    @property
    def log_bytes(self) -> int:
        """How long the log was then."""
        found = self.checkpoint.facts.get("log_bytes") if self.checkpoint else 0
        return found if isinstance(found, int) else 0


def find_left(folder: RunFolder, options: OptimizerConfig, identity: Mapping[str, object]) -> Left:
    """Return what the run in `folder` left, after making sure that it is the run that is asked for.

    Raises:
        RunError: It is finished, it is another run, or it is damaged.
    """
    checkpoint = newest_checkpoint(folder.checkpoints)
    facts = checkpoint.facts if checkpoint else folder.saved_facts
    saved, base = facts.get("identity"), facts.get("base")
    if not isinstance(saved, dict) or not isinstance(base, dict):
        raise RunError(f"{folder.folder} does not say how its run began: begin anew with another --run-dir")
    done = checkpoint.step if checkpoint else 0
    saved, note = with_present_names(saved)
    refuse_other_run(saved, identity, done, folder.folder)
    if folder.saved_facts.get("outcome") == COMPLETE:
        _refuse_finished(folder, options, done)
    return Left(checkpoint, base, facts.get("aux"), (f"{folder.folder} was {note}",) if note else ())


def _refuse_finished(folder: RunFolder, options: OptimizerConfig, done: int) -> None:
    """Refuse a finished run, unless more steps are asked for and there is a checkpoint of its end."""
    shared = folder.saved_facts.get("options")
    steps = shared.get("steps") if isinstance(shared, dict) else None
    if options.steps == steps:
        raise RunError(
            f"--resume: the run in {folder.folder} is finished after {steps} steps: give more --steps, or another "
            "--run-dir"
        )
    if done != steps:
        raise RunError(
            f"--resume: the run in {folder.folder} is finished after {steps} steps and kept no checkpoint of its end "
            "(--checkpoint-every keeps one): begin anew with another --run-dir"
        )


def table_of(value: object, folder: Path) -> Mapping[str, object]:
    """Return `value`, part of a checkpoint in `folder`, if it is a table; raises `RunError` otherwise."""
    if not isinstance(value, dict):
        raise RunError(f"{folder} is incomplete: begin anew with another --run-dir")
    return value

"""Find what a run left to go on from, and refuse what does not belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from impasto.core.checkpoints import Bundle, newest_bundle
from impasto.core.errors import RunError
from impasto.training.checkpoints.fingerprint import refuse_other_run
from impasto.training.options import TrainOptions
from impasto.training.run_folder import RunFolder

COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left.

    Attributes:
        bundle: Where it goes on from, or None when it was ended before there was any: it begins at step 1 again.
        base: What it remembered of its base.
        aux: Hashes of the auxiliary pictures that the base drew, by stream.
    """

    bundle: Bundle | None
    base: Mapping[str, object]
    aux: object

    @property
    def step(self) -> int:
        """Steps done."""
        return self.bundle.step if self.bundle else 0

    @property
    def log_bytes(self) -> int:
        """How long the log was then."""
        found = self.bundle.facts.get("log_bytes") if self.bundle else 0
        return found if isinstance(found, int) else 0


def find_left(folder: RunFolder, options: TrainOptions, identity: Mapping[str, object]) -> Left:
    """Return what the run in `folder` left, after making sure that it is the run that is asked for.

    Raises:
        RunError: It is finished, it is another run, or it is damaged.
    """
    bundle = newest_bundle(folder.bundles)
    facts = bundle.facts if bundle else folder.saved_facts
    saved, base = facts.get("identity"), facts.get("base")
    if not isinstance(saved, dict) or not isinstance(base, dict):
        raise RunError(f"{folder.folder} does not say how its run began: begin anew with another --run-dir")
    done = bundle.step if bundle else 0
    refuse_other_run(saved, identity, done, folder.folder)
    if folder.saved_facts.get("outcome") == COMPLETE:
        _refuse_finished(folder, options, done)
    return Left(bundle, base, facts.get("aux"))


def _refuse_finished(folder: RunFolder, options: TrainOptions, done: int) -> None:
    """Refuse a finished run, unless more steps are asked for and there is a bundle of its end."""
    shared = folder.saved_facts.get("options")
    steps = shared.get("steps") if isinstance(shared, dict) else None
    if options.steps == steps:
        raise RunError(
            f"--resume: the run in {folder.folder} is finished after {steps} steps: give more --steps, or another "
            "--run-dir"
        )
    if done != steps:
        raise RunError(
            f"--resume: the run in {folder.folder} is finished after {steps} steps and kept no bundle of its end "
            "(--checkpoint-every keeps one): begin anew with another --run-dir"
        )


def table_of(value: object, folder: Path) -> Mapping[str, object]:
    """Return `value`, part of a bundle in `folder`, if it is a table; raises `RunError` otherwise."""
    if not isinstance(value, dict):
        raise RunError(f"{folder} is incomplete: begin anew with another --run-dir")
    return value

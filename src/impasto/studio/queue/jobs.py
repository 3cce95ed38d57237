"""A job is a folder. What it is doing follows from files and from a lock that the system frees, never from memory.

    job.json        what is wanted; written once, before anything begins
    .lock           held by the process that computes, for as long as it lives
    starts.txt      one line for each start: the checkpoint it went on from
    run/            the run folder of a training, with events.jsonl and checkpoints
    events.jsonl    what the painter reports of a drawing
    outcome.json    written by the process when it ends by itself; removed when it starts
    paused, kept, cancelled   empty files: what the person asked for

| lock | outcome | asked for | state |
|---|---|---|---|
| held | - | nothing | running |
| held | - | paused, kept, cancelled | stopping |
| free | code 0 | - | done |
| free | another code | nothing | failed |
| free | none, or code 130 | paused, kept, cancelled | paused, kept, cancelled |
| free | none, or code 130 | nothing | waiting: it begins, or goes on, when it is its turn |

A job that was started `_MOST_STARTS` times from the same checkpoint and never ended by itself has failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import Path

from impasto.core.errors import RunError
from impasto.core.files import write_text
from impasto.core.lock import is_locked

SPEC, OUTCOME, STARTS, EVENTS, OUTPUT = "job.json", "outcome.json", "starts.txt", "events.jsonl", "output.txt"
RUN = "run"
STOPPED = 130
_MOST_STARTS = 5


class State(StrEnum):
    """What a job is doing."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing happens any more unless somebody asks."""
        return self not in {State.WAITING, State.RUNNING, State.STOPPING}


class Wish(StrEnum):
    """What a person asked of a job, as the name of an empty file."""

    PAUSED = "paused"
    KEPT = "kept"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Spec:
    """What is wanted of a job.

    Attributes:
        kind: "train", "compare", or one of those that the painter does: "generate", "stylize", ...
        title: For people.
        command: The command line after `impasto`, in full.
        settings: Options by name, with paths: what is computed.
        form: Options as they were chosen on the page: what "try again" fills the form with.
        created: When, in ISO 8601.
    """

    kind: str
    title: str
    command: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    form: Mapping[str, object] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def write_spec(folder: Path, spec: Spec) -> None:
    """Write what is wanted into a new job's folder: from then on it is a job."""
    write_text(folder / SPEC, json.dumps(asdict(spec), indent=2) + "\n")


def read_spec(folder: Path) -> Spec:
    """Return what is wanted of a job; raises `RunError` if its folder does not say."""
    try:
        read = json.loads((folder / SPEC).read_text("utf-8"))
        return Spec(**(read | {"command": tuple(read["command"])}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"job {folder.name} is damaged: delete it and begin anew") from error


def read_outcome(folder: Path) -> Mapping[str, object] | None:
    """Return how a job ended, or None."""
    try:
        read = json.loads((folder / OUTCOME).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def wish_of(folder: Path) -> Wish | None:
    """Return what was asked of a job."""
    return next((wish for wish in Wish if (folder / wish).exists()), None)


def wish(folder: Path, wanted: Wish | None) -> None:
    """Ask something of a job, or take back what was asked."""
    for each in Wish:
        if each is not wanted:
            (folder / each).unlink(missing_ok=True)
    if wanted is not None:
        (folder / wanted).touch()


def note_start(folder: Path) -> None:
    """Note that a job is started, and from which checkpoint it goes on."""
    checkpoints = sorted(path.name for path in (folder / RUN / "checkpoints").glob("step-*"))
    with (folder / STARTS).open("a", encoding="utf-8") as starts:
        starts.write(f"{checkpoints[-1] if checkpoints else 'beginning'}\n")


def starts_of(folder: Path) -> int:
    """Return how often a job was started from the same place without getting any further."""
    try:
        places = (folder / STARTS).read_text("utf-8").splitlines()
    except OSError:
        return 0
    return sum(1 for _ in takewhile(lambda place: place == places[-1], reversed(places)))


def state_of(folder: Path) -> State:
    """Return what a job is doing; see the table above."""
    is_held = is_locked(folder)  # asked first: who lets go of the lock has written its outcome before
    asked, outcome = wish_of(folder), read_outcome(folder)
    if is_held:
        return State.RUNNING if asked is None else State.STOPPING
    code = None if outcome is None else outcome.get("code")
    if code == 0:
        return State.DONE
    if code is not None and code != STOPPED:
        return State.CANCELLED if asked is Wish.CANCELLED else State.FAILED
    if asked is Wish.KEPT and code is None and starts_of(folder):
        return State.WAITING  # it ended before it could keep anything: it goes on, and stops at once
    if asked is not None:
        return State(asked.value)
    return State.FAILED if code is None and starts_of(folder) >= _MOST_STARTS else State.WAITING


def message_of(folder: Path) -> str:
    """Return why a job failed, in one sentence; empty if it did not."""
    outcome = read_outcome(folder)
    if outcome is not None:
        return str(outcome.get("message", ""))
    if starts_of(folder) >= _MOST_STARTS:
        return f"it ended {_MOST_STARTS} times without a word; mostly this means that memory ran out"
    return ""

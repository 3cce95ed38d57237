"""The warm process that draws: `python -m impasto.studio.queue.painter WORKSPACE BASE`.

It keeps one base open, so that a drawing begins at once. It reads folders of jobs from standard input, one a line, and
answers each with a line when there is something new to see and with an empty one when it is done. All that it finds
out is in the job's folder; the lines only say when to look. At the end of its input it ends.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from impasto.core.errors import ImpastoError
from impasto.core.events import Event
from impasto.core.lock import is_locked
from impasto.studio.queue.jobs import EVENTS, RUN, Spec, Wish, read_spec, wish_of
from impasto.studio.queue.process import computing, patient_lock, write_outcome
from impasto.training.control_files import GIVE_WAY

PICTURES = "pictures"
CANCELLED = 1
DEFECT = 70


class Painter:
    """A base that is kept open.

    Args:
        jobs: The folder of all jobs, whose trainings wait while something is drawn.
        say: Tells whoever started the process that there is something to look at.
    """

    def __init__(self, jobs: Path, say: TextIO) -> None:
        self._jobs = jobs
        self._say = say
        self._name = ""
        self._base: object = None

    def open(self, name: str) -> object:
        """Return a base of the Python face, opened now unless it is the one that is open."""
        if name != self._name or self._base is None:
            from impasto.api.base import load
            from impasto.models.preview import latent_colours

            self._base, self._name = None, ""
            opened = load(name)
            latent_colours(opened.model)  # once, now: no drawing waits for it
            self._base, self._name = opened, name
        return self._base

    def paint(self, folder: Path) -> None:
        """Do one job, and say in its folder how it ended."""
        with computing(folder):
            try:
                spec = read_spec(folder)
                with self._first(), (folder / EVENTS).open("w", encoding="utf-8") as log:
                    code = self._follow(folder, spec, log)
                write_outcome(folder, code)
            except ImpastoError as error:
                write_outcome(folder, 2, str(error))
            except OSError as error:
                write_outcome(folder, 2, f"cannot use a file: {(error.strerror or str(error)).lower()}")
            except Exception as error:  # a defect: the painter goes on, the traceback is in its output
                sys.excepthook(type(error), error, error.__traceback__)
                write_outcome(folder, DEFECT, "something went wrong inside impasto; painter.txt says what")
        self._tell("")

    def _follow(self, folder: Path, spec: Spec, log: TextIO) -> int:
        shutil.rmtree(folder / PICTURES, ignore_errors=True)  # of an attempt that was ended half-way
        with closing(self._events(folder, spec)) as stream:
            for event in stream:
                log.write(json.dumps(as_row(event, folder), default=str) + "\n")
                log.flush()
                self._tell(folder.name)
                if wish_of(folder) is Wish.CANCELLED:
                    return CANCELLED
        return 0

    def _events(self, folder: Path, spec: Spec) -> Generator[Event]:
        from impasto.studio.queue.errands import events_of

        return events_of(spec, folder / PICTURES, self.open)

    @contextmanager
    def _first(self) -> Iterator[None]:
        """Let trainings wait between two steps."""
        with ExitStack() as stack:
            for run in self._jobs.glob(f"*/{RUN}"):
                if is_locked(run.parent):
                    with suppress(ImpastoError):
                        stack.callback(patient_lock(run / GIVE_WAY).release)
            yield

    def _tell(self, what: str) -> None:
        with suppress(OSError):
            self._say.write(f"{what}\n")
            self._say.flush()


def as_row(event: Event, folder: Path) -> Mapping[str, object]:
    """Return an event for the log of a job, with paths from the job's folder on."""
    row: dict[str, object] = {"event": type(event).__name__}
    if dataclasses.is_dataclass(event):
        row |= dataclasses.asdict(event)
    path = row.get("path")
    if isinstance(path, Path) and path.is_relative_to(folder):
        row["path"] = path.relative_to(folder).as_posix()
    return row


def main(workspace: Path, base: str) -> int:
    """Draw until the input ends."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no answer
    painter = Painter(workspace / "jobs", say)
    with suppress(ImpastoError):  # a drawing tells what is wrong with it
        painter.open(base)
    say.write("ready\n")
    say.flush()
    for line in sys.stdin:
        if name := line.strip():
            with suppress(ImpastoError):  # another process draws it already
                painter.paint(workspace / "jobs" / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))

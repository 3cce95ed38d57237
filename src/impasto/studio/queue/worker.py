"""The process of one training or comparison: `python -m impasto.studio.queue.worker JOB` runs the job's command line.

It is the command that a terminal would run, with `--resume` where the run folder holds a run already.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path

from impasto.core.files import is_file
from impasto.studio.queue.jobs import OUTPUT, RUN, STOPPED, Spec, Wish, read_spec, wish_of
from impasto.studio.queue.process import computing, write_outcome
from impasto.training.checkpoints.resume import COMPLETE

_NICENESS = 10
"""Drawing, which somebody waits for, comes first where both want the processor."""
_DEFECT = "something went wrong inside impasto; output.txt in the folder of this job says what"


def arguments_of(folder: Path, spec: Spec) -> list[str]:
    """Return the command line of a job, which goes on where it was ended."""
    is_begun = spec.kind == "train" and is_file(folder / RUN / "run.json")
    return [*spec.command, "--resume"] if is_begun else list(spec.command)


def main(folder: Path) -> int:
    """Compute the job; returns the exit code of its command."""
    with computing(folder):
        spec = read_spec(folder)
        if wish_of(folder) is Wish.KEPT:  # it was ended before it could stop: go on, stop at once, keep
            (folder / RUN).mkdir(exist_ok=True)
            (folder / RUN / "stop").touch()
        with suppress(OSError, AttributeError):
            os.nice(_NICENESS)
        said_before = (folder / OUTPUT).stat().st_size if is_file(folder / OUTPUT) else 0
        code = _run(arguments_of(folder, spec))
        sys.stdout.flush()
        sys.stderr.flush()
        if code == 0 and spec.kind == "train" and not _is_complete(folder / RUN):
            code = STOPPED  # by a file in its folder, which is well for a terminal
        write_outcome(folder, code, "" if code in {0, STOPPED} else _last_words(folder, said_before))
    return code


def _is_complete(run: Path) -> bool:
    try:
        facts = json.loads((run / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("outcome") == COMPLETE


def _run(arguments: list[str]) -> int:
    sys.argv = ["impasto", *arguments]
    try:
        runpy.run_module("impasto", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _last_words(folder: Path, begin: int) -> str:
    """Return the line in which the command said why it ended."""
    try:
        with (folder / OUTPUT).open("rb") as stream:
            stream.seek(begin)
            said = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return _DEFECT
    lines = [line.removeprefix("impasto: ") for line in said if line.startswith("impasto: ")]
    return lines[-1] if lines else _DEFECT


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Does any damaged file crash, hang, run code or write where it must not?

Thousands of mutated style files, pictures, TOML files and checkpoints are read in a watched process: each must be
accepted or refused by an `ImpastoError` of one line, within a time limit, without starting a program, without
unpickling, and without writing anywhere but to its own folder.

Run: `python -m benchmarks.fuzz --cases 1000`
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import torch

from benchmarks.fuzz_targets import TARGETS, Prepared, prepare
from benchmarks.machine import save_result
from impasto.core.errors import ImpastoError

SECONDS_EACH = 20
_FORBIDDEN = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class", "socket.connect"}
_WRITING = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}


class Watch:
    """Notes what a reader must not do, by Python's audit hooks.

    Args:
        folder: Where it may write.
    """

    def __init__(self, folder: Path) -> None:
        self._allowed = (str(folder), "/dev/null", "/proc/")
        self._is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def start(self) -> None:
        """Watch from now on."""
        self.seen.clear()
        self._is_on = True

    def stop(self) -> list[str]:
        """Stop watching; returns what was seen."""
        self._is_on = False
        return list(self.seen)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event in _FORBIDDEN:
            self.seen.append(f"{event} {str(arguments)[:80]}")
        is_written = event in _WRITING
        if event == "open" and isinstance(arguments[2], int):
            is_written = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if not is_written or isinstance(arguments[0], int):
            return
        path = str(Path.cwd() / os.fsdecode(arguments[0]))
        if ".." in Path(path).parts or not path.startswith(self._allowed):
            self.seen.append(f"{event} {path[:80]}")


def judge(read: Callable[[], None], watch: Watch) -> tuple[str, str]:
    """Return how a reader took it: ("accepted" | "refused" | "failure", details)."""
    outcome, details = "accepted", ""
    watch.start()
    try:
        with Path(os.devnull).open("w") as quiet, redirect_stdout(quiet), redirect_stderr(quiet):
            read()
    except ImpastoError as error:
        outcome, details = "refused", str(error)
        if "\n" in details or not details:
            outcome = "failure"
    except SystemExit as error:
        outcome, details = ("accepted", "") if error.code in {0, None} else ("failure", f"SystemExit {error.code}")
    except BaseException:
        outcome, details = "failure", traceback.format_exc(limit=-4)
    touched = watch.stop()
    return ("failure", "; ".join(touched)) if touched else (outcome, details)


def work_through(target: str, cases: range, seed: int, folder: Path, told: Connection) -> None:
    """Go through `cases` in this process; tells (case, outcome, details) each time."""
    torch.set_num_threads(1)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.chdir(folder)
    with ExitStack() as stack:
        prepared: Prepared = stack.enter_context(prepare(folder))
        watch = Watch(folder)
        for case in cases:
            rng = random.Random(f"{seed} {target} {case}")
            told.send((case, "begun", ""))
            read = TARGETS[target](prepared, rng)
            told.send((case, *judge(read, watch)))
    told.send((-1, "done", ""))


def fuzz(target: str, cases: int, seed: int) -> dict[str, Any]:
    """Return counts and failures for one kind of file; a process that hangs or dies is replaced."""
    context = multiprocessing.get_context("fork")
    counts: Counter[str] = Counter()
    failures: list[str] = []
    next_case, started = 0, time.perf_counter()
    while next_case < cases:
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = context.Pipe(duplex=False)
            work = (target, range(next_case, cases), seed, Path(folder).resolve(), theirs)
            process = context.Process(target=work_through, args=work)
            process.start()
            theirs.close()
            next_case = _listen(process, ours, next_case, counts, failures)
    return {
        "cases": cases,
        "accepted": counts["accepted"],
        "refused": counts["refused"],
        "failures": failures,
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }


def _listen(process: ForkProcess, ours: Connection, case: int, counts: Counter[str], failures: list[str]) -> int:
    """Collect what a process tells; returns the case to go on with when it hangs or dies."""
    limit = 120.0  # for loading the base
    while True:
        try:
            if not ours.poll(limit):
                os.kill(int(process.pid or 0), signal.SIGKILL)
                process.join()
                failures.append(f"case {case}: no answer within {limit:.0f} s")
                return case + 1
            number, outcome, details = ours.recv()
        except EOFError:
            process.join()
            failures.append(f"case {case}: the process died with {process.exitcode}")
            return case + 1
        if outcome == "done":
            process.join()
            return sys.maxsize
        case, limit = number, float(SECONDS_EACH)
        if outcome != "begun":
            counts[outcome] += 1
            if outcome == "failure":
                failures.append(f"case {number}: {details}")


def main() -> None:
    """Fuzz, print, and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=sorted(TARGETS))
    given = parser.parse_args()
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "seed": given.seed}
    for target in [given.target] if given.target else sorted(TARGETS):
        result[target] = fuzz(target, given.cases, given.seed)
        print(target, json.dumps(result[target], indent=2), flush=True)
    if given.target is None:
        print(save_result("fuzz", result))
    sys.exit(1 if any(result[target]["failures"] for target in TARGETS if target in result) else 0)


if __name__ == "__main__":
    main()

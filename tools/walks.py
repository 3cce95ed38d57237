"""Trace a training and a drawing, and compare with the two walks that ARCHITECTURE.md writes down.

python tools/walks.py trains a step and draws a picture on pocket, prints where both walks lead, and how often the whole
trace changes rooms. A stop agrees when the trace comes by it after the stop before.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "ARCHITECTURE.md"
SOURCES = ROOT / "src" / "impasto"
_STOP = re.compile(r"^\d+\. `([a-z_0-9/]+\.py)`: `([\w.]+)`", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stop:
    """A function that a walk comes by.

    Attributes:
        file: Below `src/impasto`.
        function: Its name, without that of its class.
    """

    file: str
    function: str

    @property
    def room(self) -> str:
        """The folder."""
        return self.file.rpartition("/")[0]


def walks_written() -> dict[str, list[Stop]]:
    """Return the walks of ARCHITECTURE.md by the titles of their sections, "### The walk of ..."."""
    sections = re.split(r"^### (The walk of .*)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    found = {}
    for title, text in zip(sections[1::2], sections[2::2], strict=True):
        own = text.partition("\n#")[0]
        found[title] = [Stop(file, name.rpartition(".")[2]) for file, name in _STOP.findall(own)]
    return found


def traced(run: Callable[[], object]) -> list[Stop]:
    """Return the calls of impasto's functions while `run` runs, in order; repeated ones of a loop stand once each."""
    calls: list[Stop] = []
    prefix = f"{SOURCES}/"

    def note(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(prefix):
            stop = Stop(file.removeprefix(prefix), frame.f_code.co_name)
            if not calls or calls[-1] != stop:
                calls.append(stop)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls


def first_disagreement(walk: Sequence[Stop], calls: Sequence[Stop]) -> Stop | None:
    """Return the first stop that a trace does not come by after the stop before, or None."""
    rest = iter(calls)
    return next((stop for stop in walk if stop not in rest), None)


def changes_of_room(calls: Sequence[Stop]) -> int:
    """Return how often a trace goes from one room to another."""
    return sum(one.room != other.room for one, other in pairwise(calls))


def main() -> int:
    """Print both walks; returns 1 where one disagrees."""
    from impasto.cli.main import main as impasto

    disagreements = 0
    with TemporaryDirectory() as folder:
        style = f"{folder}/style.safetensors"
        os.environ["IMPASTO_CACHE"] = f"{folder}/cache"  # a picture that was encoded before would not be encoded
        train = f"train styleforge --style-images pack:openmoji/2 --out {style} --run-dir {folder}/run --steps 1"
        draw = f"generate --prompt fox --style {style} --out {folder}/out --steps 2"
        commands = ([*train.split(), "--aux", "none", "--sample-every", "0"], draw.split())
        for (title, walk), command in zip(walks_written().items(), commands, strict=True):
            calls = traced(lambda command=command: impasto(command))  # type: ignore[misc]
            wrong = first_disagreement(walk, calls)
            disagreements += wrong is not None
            print(f"{title}: {'agrees' if wrong is None else f'the trace does not come by {wrong}'}")
            print("\n".join(f"  {stop.room:<18} {stop.file}: {stop.function}" for stop in walk))
            print(f"  in all {len(calls)} calls, {changes_of_room(calls)} changes of room")
    return min(disagreements, 1)


if __name__ == "__main__":
    sys.exit(main())

"""All stages in order, by preset. A stage that is finished ends at once, so the same command goes on after a stop.

Run: `python -m pretraining.run --preset cpu` (two cores) or `--preset gpu` (15 minutes of training). `--rehearse` runs
a few steps of each stage on the CPU, in a folder of its own: mistakes are found before a GPU is paid for. Minutes of
every stage are printed at the beginning, what each reached at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = ("pretraining.data.fetch", "pretraining.data.packs")
BUILD = "pretraining.data.build"
AFTER = ("pretraining.package", "pretraining.evaluate")
STAGES, REHEARSAL = Path("pretraining/stages"), Path("pretraining/stages/rehearsal")
REHEARSED = ("--steps", "3", "--batch", "4", "--save-every", "0.05", "--minutes", "0.05", "--device", "cpu")


@dataclass(frozen=True, slots=True)
class Length:
    """How long a stage is trained, and with which options.

    Attributes:
        stage: Its module.
        minutes: Of training; saves, checks and compiling are part of them.
        batch: Pictures of a step.
        options: Others of its command line.
    """

    stage: str
    minutes: float
    batch: int
    options: tuple[str, ...] = ()

    def arguments(self, device: str) -> list[str]:
        """Return the stage's command line."""
        chosen = {"minutes": self.minutes, "batch": self.batch, "device": device}
        named = [part for name, value in chosen.items() for part in (f"--{name}", str(value))]
        return [f"pretraining.{self.stage}", *named, *self.options]


PRESETS: dict[str, tuple[Length, ...]] = {
    "cpu": (
        Length("autoencoder", 60, 16),
        Length("towers", 12, 192),
        Length("denoiser", 86, 32, ("--constant", "0.3", "--levels-first", "0.4", "--levels-last", "0.8")),
        Length("decoder", 60, 16),
        Length("judge", 30, 128),
        Length("image_prompt", 40, 32),
        Length("controlnet", 30, 32),
    ),
    "gpu": (
        Length("autoencoder", 3, 128),
        Length("towers", 1, 512),
        Length("denoiser", 6, 256),
        Length("decoder", 2, 128),
        Length("judge", 1, 512),
        Length("image_prompt", 1, 256),
        Length("controlnet", 1, 256),
    ),
}
"""Of pocket with a hundred subjects. Those of the GPU are not tried yet."""

VARIANTS = {"cpu": 90, "gpu": 90}
"""Pictures of each (subject, artist) pair that are built."""


def plan(lengths: Sequence[Length]) -> Iterator[str]:
    """Yield a line for each stage's minutes, and one for all of them."""
    for length in lengths:
        yield f"{length.stage:14} {length.minutes:6.1f} min, {length.batch} pictures a step"
    yield f"{'all':14} {sum(length.minutes for length in lengths):6.1f} min of training"


def reached(stage: str, stages: Path) -> str:
    """Return what the last line of a stage's log says, or its counters where it has no log."""
    log, counters = stages / f"{stage}-log.jsonl", stages / stage / "counters.json"
    if log.exists():
        said = json.loads(log.read_text("utf-8").splitlines()[-1])
    elif counters.exists():
        said = json.loads(counters.read_text("utf-8"))
    else:
        return f"{stage:14} not trained"
    return f"{stage:14} " + ", ".join(f"{name} {value}" for name, value in said.items())


def run(module: str, *arguments: str, stages: Path = STAGES) -> None:
    """Run one stage in a process of its own, with its state in `stages`; ends this one when it fails."""
    print(f"== {module} {' '.join(arguments)}", flush=True)
    environment = os.environ | {"POCKET_STAGES": str(stages)}
    finished = subprocess.run([sys.executable, "-m", module, *arguments], check=False, env=environment)
    if finished.returncode:
        raise SystemExit(f"{module} failed ({finished.returncode}): mend it and run the same command to go on")


def main() -> None:
    """Run what the preset says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(PRESETS), required=True)
    parser.add_argument("--without-data", action="store_true", help="the data set is built already")
    parser.add_argument(
        "--rehearse", action="store_true", help="a few steps of each stage on the CPU, nothing packaged"
    )
    chosen = parser.parse_args()
    lengths, device = PRESETS[chosen.preset], "cuda" if chosen.preset == "gpu" else "cpu"
    stages = REHEARSAL if chosen.rehearse else STAGES
    print("\n".join(plan(lengths)), flush=True)
    if not (chosen.without_data or chosen.rehearse):
        for module in DATA:
            run(module)
        run(BUILD, "--variants", str(VARIANTS[chosen.preset]))
    for length in lengths:
        if chosen.rehearse:
            run(*length.arguments("cpu"), *REHEARSED, stages=stages)
        else:
            run(*length.arguments(device), "--compile")
    for module in () if chosen.rehearse else AFTER:
        run(module)
    print("\n".join(reached(length.stage, stages) for length in lengths))


if __name__ == "__main__":
    main()

"""Does a training run survive being killed at any moment?

Each run is killed one to three times by SIGKILL, then left alone. A death comes at a random moment, at an exact file
operation (before a file is opened, renamed, removed ...), or in the middle of a tensor file. After every death all that
is in place must be readable; in the end the style must equal, bit for bit, that of a run that was never killed.

Run: `python -m benchmarks.faults --runs 200`
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

from benchmarks.faults_child import live
from benchmarks.machine import save_result
from impasto.core.checkpoints import newest_checkpoint
from impasto.core.digest import digest_of_tensors
from impasto.style.file import load_style

ROOT = Path(__file__).parents[1]
STEPS, EVERY = 6, 2
VARIANTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("b_lora", {"rank": 2}, {}),
    ("styleforge", {"learn": "lora", "rank": 2, "learn_text": False}, {"flips": True, "captions": True}),
    ("styleforge", {"learn": "full"}, {"lr_schedule": "cosine"}),
    ("styleforge", {"learn": "lora", "rank": 2}, {"aux": "generate", "num_aux": 1}),
]
ORDER = (0, 1, 2, 3, *(0, 1, 2) * 5)  # drawing auxiliary pictures takes long
_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass
class Report:
    """What happened.

    Attributes:
        deaths: By kind and by what was going on.
        lost: Steps that had to be done again, after each death.
        failures: What must not happen, in words.
    """

    deaths: Counter[str] = field(default_factory=Counter)
    lost: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """A run that was never killed."""

    out: Path
    seconds: float
    operations: int


def write_pictures(folder: Path) -> Path:
    """Write three small pictures with captions."""
    folder.mkdir(parents=True)
    for index in range(3):
        blocks = np.random.default_rng(index).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((40, 36), Image.Resampling.NEAREST).save(folder / f"{index}.png")
        (folder / f"{index}.txt").write_text(f"blocks {index}")
    return folder


def make_base(folder: Path) -> Path:
    """Write a random base of SDXL's topology, a few thousand weights; the tests use the same."""
    sys.path.append(str(ROOT / "tests"))
    tiny = importlib.import_module("tiny")
    tiny.seeded()
    saved: Path = tiny.save(tiny.sdxl(), folder)
    return saved


def values_of(variant: int, base: Path, pictures: Path, folder: Path) -> dict[str, Any]:
    """Return the options of a run in `folder`."""
    values: dict[str, Any] = {
        "base": str(base),
        "style_images": str(pictures),
        "out": folder / "style.safetensors",
        "overwrite": True,
    }
    values |= {"run_dir": folder / "run", "cache": str(folder / "cache"), "steps": STEPS, "checkpoint_every": EVERY}
    return values | {"learning_rate": 1e-3, "sample_every": 0} | VARIANTS[variant][2]


def spend_life(values: dict[str, Any], variant: int, death: dict[str, Any]) -> tuple[int, float, int]:
    """Run one process until it ends or is killed; returns exit code, seconds and file operations."""
    tell = _CONTEXT.Value("i", 0)
    resume = (values["run_dir"] / "run.json").exists()
    process = _CONTEXT.Process(target=live, args=(values | {"resume": resume}, *VARIANTS[variant][:2], death, tell))
    started = time.perf_counter()
    process.start()
    process.join(death["after"] if death.get("kind") == "moment" else 300)
    if process.is_alive():
        os.kill(int(process.pid or 0), signal.SIGKILL)
        process.join()
        code = -signal.SIGKILL if death.get("kind") == "moment" else 99
    else:
        code = process.exitcode or 0
    return code, time.perf_counter() - started, tell.value


def choose_death(rng: random.Random, reference: Reference) -> dict[str, Any]:
    """Return how a life ends: seldom while the base is loaded, when there is nothing to lose yet."""
    kind = rng.choice(["moment", "moment", "operation", "writing"])
    if kind == "moment":
        return {"kind": kind, "after": rng.uniform(0.3, 1.0) * reference.seconds}
    if kind == "operation":
        return {"kind": kind, "number": rng.randint(reference.operations // 5, reference.operations)}
    return {"kind": kind, "number": rng.randint(1, 8), "share": rng.random()}


def steps_logged(folder: Path) -> list[int]:
    """Return the steps in the log; a line that was cut off does not count."""
    log, found = folder / "run/events.jsonl", []
    for line in log.read_text("utf-8").splitlines() if log.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row.get("event") == "TrainStep":
            found.append(int(row["step"]))
    return found


def problems_in(folder: Path) -> list[str]:
    """Return what is in place and cannot be read; there must be nothing."""
    found = []
    checks: dict[str, Callable[[], object]] = {
        "checkpoint": lambda: [
            checkpoint.tensors() for checkpoint in [newest_checkpoint(folder / "run/checkpoints")] if checkpoint
        ],
        "style": lambda: [load_style(path) for path in folder.glob("*.safetensors")],
        "run.json": lambda: [json.loads(path.read_text("utf-8")) for path in folder.glob("run/run.json")],
        "cache": lambda: [_read_entry(path) for path in folder.glob("cache/*/*/*.safetensors")],
    }
    for what, check in checks.items():
        try:
            check()
        except Exception as error:
            found.append(f"{what} cannot be read: {type(error).__name__}: {error}")
    return found


def _read_entry(path: Path) -> bool:
    with safe_open(path, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
        if opened.metadata()["digest"] != digest_of_tensors(tensors):
            raise ValueError("digest")
    return True


def kill_and_resume(
    values: dict[str, Any], variant: int, reference: Reference, rng: random.Random, report: Report
) -> list[str]:
    """Kill a run one to three times and let it end; returns what went wrong."""
    folder = Path(values["run_dir"]).parent
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        death = choose_death(rng, reference)
        code, _, _ = spend_life(values, variant, death)
        if code != -signal.SIGKILL:
            if code != 0 and not _was_finished(folder):
                return [f"exit {code}: {(folder / 'told.txt').read_text('utf-8')}"]
            report.deaths["none: it was finished before"] += 1
            return _compare(folder, reference)
        checkpoint = newest_checkpoint(folder / "run/checkpoints")
        lost = max(steps_logged(folder), default=0) - (checkpoint.step if checkpoint else 0)
        report.lost.append(lost)
        phase = "before the run began" if not (folder / "run/run.json").exists() else _phase(folder)
        report.deaths[f"{death['kind']}, {phase}"] += 1
        problems = problems_in(folder) + ([f"{lost} steps lost"] if lost > EVERY else [])
        if problems:
            return problems
    code, _, _ = spend_life(values, variant, {})
    if code != 0 and not _was_finished(folder):
        return [f"exit {code} on resuming: {(folder / 'told.txt').read_text('utf-8')}"]
    return problems_in(folder) + _compare(folder, reference)


def _was_finished(folder: Path) -> bool:
    """Return whether the last life was refused because the one before died with everything done."""
    return "is finished after" in (folder / "told.txt").read_text("utf-8")


def _phase(folder: Path) -> str:
    if list(folder.glob("run/checkpoints/.*.part")):
        return "while a checkpoint was written"
    if list(folder.glob(".*.part")):
        return "while the style was written"
    if list(folder.glob("cache/*/*/.*.part")):
        return "while the cache was written"
    return "during steps" if steps_logged(folder) else "while pictures were encoded"


def _compare(folder: Path, reference: Reference) -> list[str]:
    found, wanted = load_style(folder / "style.safetensors"), load_style(reference.out)
    problems = []
    if found.card.steps != STEPS or not found.card.is_complete or found.card.loss != wanted.card.loss:
        problems.append(f"card says {found.card.steps} steps, loss {found.card.loss}")
    if found.tensors.keys() != wanted.tensors.keys() or not all(
        torch.equal(tensor, wanted.tensors[name]) for name, tensor in found.tensors.items()
    ):
        problems.append("the style differs from that of a run that was never killed")
    if steps_logged(folder) != list(range(1, STEPS + 1)):
        problems.append(f"the log holds steps {steps_logged(folder)}")
    leftovers = [str(path.relative_to(folder)) for path in folder.rglob(".*.part") if "cache" not in path.parts]
    return problems + [f"left over: {each}" for each in leftovers]


def measure(runs: int, seed: int, work: Path, variants: Sequence[int] = ORDER, minutes: float = 1e9) -> dict[str, Any]:
    """Kill `runs` runs and return the numbers; `failures` must be empty.

    Args:
        runs: How many.
        seed: Of all choices.
        work: A folder for everything that is written.
        variants: Indices of `VARIANTS`, taken in turn.
        minutes: Begin no further run after so long; the result says how many there were.
    """
    _CONTEXT.set_forkserver_preload(["benchmarks.faults_child"])
    base, pictures = make_base(work / "base"), write_pictures(work / "pictures")
    references = {}
    for variant in sorted(set(variants)):
        folder = work / f"reference-{variant}"
        folder.mkdir()
        for attempt in range(2):  # the first one waits for the server to import everything
            values = values_of(variant, base, pictures, folder) | {"run_dir": folder / str(attempt)}
            code, seconds, operations = spend_life(values, variant, {})
            if code != 0:
                raise RuntimeError((folder / "told.txt").read_text("utf-8"))
        references[variant] = Reference(folder / "style.safetensors", seconds, operations)
    rng, report, started = random.Random(seed), Report(), time.perf_counter()
    for index in range(runs):
        if time.perf_counter() - started > 60 * minutes:
            runs = index
            break
        variant = variants[index % len(variants)]
        folder = work / f"{index:04d}"
        folder.mkdir()
        values = values_of(variant, base, pictures, folder)
        for problem in kill_and_resume(values, variant, references[variant], rng, report):
            report.failures.append(f"run {index} ({VARIANTS[variant][0]}): {problem}")
    deaths = {key: count for key, count in sorted(report.deaths.items()) if not key.startswith("none")}
    return {
        "runs": runs,
        "seed": seed,
        "steps": STEPS,
        "checkpoint_every": EVERY,
        "deaths": sum(deaths.values()),
        "deaths_by_kind": deaths,
        "lives_that_ended_before_their_death": sum(report.deaths.values()) - sum(deaths.values()),
        "steps_lost_most": max(report.lost, default=0),
        "steps_lost_mean": round(statistics.mean(report.lost), 2) if report.lost else 0,
        "failures": report.failures,
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        result = {
            "question": (__doc__ or "").splitlines()[0],
            **measure(given.runs, given.seed, Path(work), minutes=given.minutes),
        }
    print(json.dumps(result, indent=2))
    print(save_result("faults", result))
    sys.exit(1 if result["failures"] else 0)


if __name__ == "__main__":
    main()

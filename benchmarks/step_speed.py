"""How fast is a training step, against the loop that the example scripts of diffusers have?

Two bases: pocket (StyleForge in full against DreamBooth, and low-rank against the LoRA script) and a random SDXL of
middle size (low-rank). One process; the contestants step in turn, so that a slow moment of the machine hits all;
medians of paired ratios. impasto's steps are those of `train()` itself, nothing is taken out: the same model, rows,
resolution and precision (float32), with its defaults. Contestants named otherwise use options.

Run: `python -m benchmarks.step_speed`, or with `--rounds 2 --dry` to rehearse.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from benchmarks.machine import save_result
from benchmarks.mid_sdxl import SIDE, build
from benchmarks.plain_loop import Habits, PlainLoop, Shown
from impasto.core.events import TrainStep
from impasto.core.precision import is_slow_in_bfloat16
from impasto.data.captions import caption_of, styled_prompt
from impasto.data.packs import pictures_of
from impasto.methods.styleforge import StyleForge, StyleForgeSettings
from impasto.models.open import open_base
from impasto.training.options import TrainOptions
from impasto.training.train import train

PACK = "pack:openmoji"
THREADS = 2
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison.

    Attributes:
        name: In the table.
        base: Name or folder.
        rows: Of each stream in a step.
        rank: Of the adapters, or None for full fine-tuning.
        has_prior: Whether auxiliary pictures are shown too.
        options: Contestants beside the defaults, by name: options of `train`.
    """

    name: str
    base: str
    rows: int
    rank: int | None
    has_prior: bool
    options: dict[str, dict[str, object]] = field(default_factory=dict)


def shown(stream: str, words: str) -> Shown:
    """Return the pack's pictures of a stream with their prompts."""
    paths = pictures_of(PACK, stream, "--style-images")
    return Shown(paths, [styled_prompt(caption_of(path), words) for path in paths])


def plain_step(case: Case, habits: Habits = Habits()) -> Callable[[], object]:  # noqa: B008 - frozen
    """Return a step of the plain loop."""
    base = open_base(case.base, device="cpu")
    streams = [shown("style", "zwx style"), *([shown("aux", "style")] if case.has_prior else [])]
    return PlainLoop(base, streams, rows=case.rows, side=base.resolution, rank=case.rank, habits=habits).step


def own_steps(case: Case, folder: Path, options: dict[str, object]) -> Generator[object]:
    """Yield after every step of `train()`."""
    learns_all = case.rank is None
    settings = StyleForgeSettings(
        learn="full" if learns_all else "lora",
        rank=case.rank,
        learn_text=learns_all,
        prior_weight=1.0 if case.has_prior else 0.0,
    )
    given: dict[str, object] = {
        "style_images": PACK,
        "aux_images": PACK if case.has_prior else None,
        "base": case.base,
        "out": folder / "style.safetensors",
        "overwrite": True,
        "run_dir": folder / "run",
        "steps": 100_000,
        "batch_size": case.rows,
        "learning_rate": 1e-4,
        "captions": True,
        "sample_every": 0,
        "device": "cpu",
        "precision": "fp32",
        "cache": "none",
    }
    with closing(train(TrainOptions.model_validate(given | options), StyleForge(settings))) as events:
        yield from (event for event in events if isinstance(event, TrainStep))


def measure(case: Case, rounds: int) -> list[dict[str, object]]:
    """Return seconds a step of all contestants, and how many times as fast as the plain loop each is."""
    with tempfile.TemporaryDirectory() as folder:
        contestants: dict[str, Callable[[], object]] = {"plain loop": plain_step(case)}
        running = []
        for index, (name, options) in enumerate({"impasto": {}, **case.options}.items()):
            steps = own_steps(case, Path(folder) / str(index), options)
            running.append(steps)
            contestants[name] = steps.__next__
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(WARM_UP + rounds):
            for name, step in contestants.items():
                started = time.perf_counter()
                step()
                if turn >= WARM_UP:
                    seconds[name].append(time.perf_counter() - started)
        for steps in running:
            steps.close()
    plain = seconds["plain loop"]
    return [
        {
            "contestant": name,
            "seconds_a_step": round(statistics.median(times), 4),
            "pictures_a_second": round(case.rows * (1 + case.has_prior) / statistics.median(times), 2),
            "times_as_fast": round(statistics.median(a / b for a, b in zip(plain, times, strict=True)), 3),
        }
        for name, times in seconds.items()
    ]


def cases(*, with_compile: bool) -> list[Case]:
    """Return what is compared; "middle" stands for the random SDXL, which is built when it is needed.

    bf16 takes part only where the processor has instructions for it.
    """
    is_slow = is_slow_in_bfloat16(torch.device("cpu"))
    half: dict[str, dict[str, object]] = {} if is_slow else {"impasto, bf16": {"precision": "bf16"}}
    both = dict(half)
    if with_compile:
        name, precision = ("impasto, compile", "fp32") if is_slow else ("impasto, bf16, compile", "bf16")
        both[name] = {"precision": precision, "compile": True}
    middle = "middle"
    return [
        Case("pocket, StyleForge in full against DreamBooth, 4 + 4 pictures", "pocket", 4, None, True),
        Case("pocket, StyleForge in full against DreamBooth, 1 + 1 pictures", "pocket", 1, None, True),
        Case("pocket, low rank against the LoRA script, 8 pictures", "pocket", 8, 16, False, both),
        Case("pocket, low rank against the LoRA script, 1 picture", "pocket", 1, 16, False),
        Case(f"random SDXL, 308 M parameters, low rank, 1 picture of {SIDE} px", middle, 1, 16, False, half),
    ]


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", type=int, help="number of one case, from 0")
    parser.add_argument("--compile", action="store_true", help="one contestant more; compiling takes minutes")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    torch.set_num_threads(THREADS)
    compared = []
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases(with_compile=chosen.compile)):
            if chosen.only in {None, number}:
                if case.base == "middle":
                    case = replace(case, base=str(build(Path(folder))))  # noqa: PLW2901
                rows = measure(case, chosen.rounds)
                compared.append({"case": case.name, "rows": rows})
                print(case.name, *rows, sep="\n  ", flush=True)
    if not chosen.dry:
        facts = {"threads": THREADS, "rounds": chosen.rounds, "compile": chosen.compile, "cases": compared}
        print(save_result("step-speed", {"question": (__doc__ or "").splitlines()[0], **facts}))


if __name__ == "__main__":
    main()

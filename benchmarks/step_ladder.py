"""What does each optimisation of a training step bring, one on top of the other?

Starts at the plain loop (`benchmarks/plain_loop.py`) on pocket, low rank, 8 pictures, and changes one thing at a time;
every rung is timed against the rung before, in turn and in one process. Beside each stands what was predicted before
it was measured, so that what did not help is seen as well.

Run: `python -m benchmarks.step_ladder`, or with `--rounds 2 --dry` to rehearse; `--compile` adds the compiled rungs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from diffusers.models.attention_processor import AttnProcessor

from benchmarks.machine import save_result
from benchmarks.plain_loop import Habits, PlainLoop
from benchmarks.step_speed import THREADS, WARM_UP, shown
from impasto.core.precision import is_slow_in_bfloat16
from impasto.models.computing.compiling import Compiled
from impasto.models.open import open_base

ROWS, RANK = 8, 16


@dataclass(frozen=True, slots=True)
class Rung:
    """One change.

    Attributes:
        name: What is changed.
        predicted: How many times as fast as the rung that it stands on, guessed before measuring.
        why: The guess's reason.
        habits: Of the loop.
        arrange: Further changes of the UNet, by name.
        onto: Name of the rung that it stands on.
        kept: Whether impasto does this: "always", "option" or "no".
    """

    name: str
    predicted: float
    why: str
    habits: Habits
    onto: str
    kept: str
    arrange: tuple[str, ...] = field(default=())


def ladder(*, with_compile: bool) -> list[Rung]:
    """Return all rungs, from the plain loop up; those in bf16 only where the processor has instructions for it."""
    plain = Habits()
    latents = replace(plain, encodes_pictures=False)
    prompts = replace(latents, encodes_prompts=False)
    fused = replace(prompts, fused_optimizer=True)
    silent = replace(fused, reads_loss=False)
    half = replace(fused, half_precision=True)
    rungs = [
        Rung("plain loop", 1.0, "", plain, "", ""),
        Rung("latents kept", 1.5, "encoding pictures took a third of a step", latents, "plain loop", "always"),
        Rung("prompts kept", 1.05, "small text encoders", prompts, "latents kept", "always"),
        Rung("fused AdamW", 1.01, "adapters are small", fused, "prompts kept", "always"),
        Rung(
            "loss not read", 1.0, "a CPU waits for nobody; for GPUs", silent, "fused AdamW", "on GPUs, every 10th step"
        ),
        Rung("channels last", 1.1, "convolutions like it", fused, "fused AdamW", "no", ("channels last",)),
        Rung("attention written out", 0.95, "float32", fused, "fused AdamW", "no", ("written out",)),
        Rung("bf16", 1.0, "fused attention is slow backwards in bf16", half, "fused AdamW", "option"),
        Rung("bf16, attention written out", 1.3, "without that", half, "bf16", "with bf16 on CPUs", ("written out",)),
    ]
    if with_compile:
        rungs += _compiled(fused, half)
    return [rung for rung in rungs if not (rung.habits.half_precision and is_slow_in_bfloat16(torch.device("cpu")))]


def _compiled(single: Habits, half: Habits) -> list[Rung]:
    return [
        Rung("repeated blocks compiled", 1.1, "fused pointwise work", single, "fused AdamW", "option", ("compiled",)),
        Rung(
            "bf16, written out, compiled",
            1.3,
            "fewer casts",
            half,
            "bf16, attention written out",
            "option",
            ("written out", "compiled"),
        ),
    ]


def step_of(rung: Rung) -> Callable[[], None]:
    """Return a step of the loop on this rung."""
    base = open_base("pocket", device="cpu")
    loop = PlainLoop(
        base, [shown("style", "zwx style")], rows=ROWS, side=base.resolution, rank=RANK, habits=rung.habits
    )
    if "channels last" in rung.arrange:
        base.denoiser.to(memory_format=torch.channels_last)  # type: ignore[call-arg]  # diffusers wraps to() without its self
    if "written out" in rung.arrange:
        base.denoiser.set_attn_processor(AttnProcessor())
    if "compiled" in rung.arrange:
        Compiled(base.denoiser, base.repeated_blocks).turn_on()
    return loop.step


def measure(rungs: list[Rung], rounds: int) -> list[dict[str, object]]:
    """Return seconds a step of every rung, and how many times as fast as the one that it stands on."""
    steps = {rung.name: step_of(rung) for rung in rungs}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    return [
        {
            "rung": rung.name,
            "onto": rung.onto,
            "kept": rung.kept,
            "why": rung.why,
            "predicted": rung.predicted,
            "seconds_a_step": round(statistics.median(seconds[rung.name]), 4),
            "measured": round(
                statistics.median(
                    a / b for a, b in zip(seconds[rung.onto or rung.name], seconds[rung.name], strict=True)
                ),
                3,
            ),
        }
        for rung in rungs
    ]


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action="store_true", help="the compiled rungs too; compiling takes minutes")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    torch.set_num_threads(THREADS)
    rows = measure(ladder(with_compile=chosen.compile), chosen.rounds)
    print(*rows, sep="\n")
    if not chosen.dry:
        facts = {
            "threads": THREADS,
            "rounds": chosen.rounds,
            "compile": chosen.compile,
            "pictures": ROWS,
            "rank": RANK,
            "rows": rows,
        }
        print(save_result("step-ladder", {"question": (__doc__ or "").splitlines()[0], **facts}))


if __name__ == "__main__":
    main()

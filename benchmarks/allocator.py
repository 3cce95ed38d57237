"""What does it bring that the C library keeps freed memory?

Three kinds of work on pocket, each in processes of its own with and without `keep_freed_memory`, in turn; medians of
paired ratios of the time of one thread, and of the highest resident memory. Peaks do not fall: what is kept was there.

Run: `python -m benchmarks.allocator`
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import torch

from benchmarks.machine import save_result
from benchmarks.plain_loop import Habits, PlainLoop
from benchmarks.step_speed import shown
from impasto.core.allocator import keep_freed_memory
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.open_base import open_base
from impasto.workflows.recipes import guidance_for

WARM_UP, REPEATS = 2, 6


def drawing() -> Callable[[], None]:
    """Return what draws four pictures."""
    base = open_base("pocket", device="cpu")
    look = Look(20, guidance_for("pocket"), 128, 128)
    return lambda: list(draw(base, [Request("a fox", seed) for seed in range(4)], look)).clear()


def training() -> Callable[[], None]:
    """Return a low-rank step of eight pictures with latents and prompts kept."""
    base = open_base("pocket", device="cpu")
    habits = Habits(encodes_pictures=False, encodes_prompts=False, fused_optimizer=True)
    return PlainLoop(base, [shown("style", "zwx style")], rows=8, side=128, rank=16, habits=habits).step


def encoding() -> Callable[[], None]:
    """Return what encodes 16 pictures."""
    base = open_base("pocket", device="cpu")
    pixels = torch.zeros(16, 3, 128, 128)

    def encode() -> None:
        with torch.no_grad():
            base.encode_images(pixels)

    return encode


WORK: Mapping[str, Callable[[], Callable[[], None]]] = {
    "drawing 4 pictures": drawing,
    "a training step of 8 pictures": training,
    "encoding 16 pictures": encoding,
}


def child(name: str, *, keeps: bool) -> None:
    """Print seconds of one piece of work and the peak memory in MiB."""
    if keeps and not keep_freed_memory():
        raise SystemExit("this C library cannot be told to keep memory")
    torch.set_num_threads(1)
    work = WORK[name]()
    for _ in range(WARM_UP):
        work()
    started = time.process_time()
    for _ in range(REPEATS):
        work()
    seconds = (time.process_time() - started) / REPEATS
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(name: str, *, keeps: bool) -> tuple[float, float]:
    """Return what a process of its own tells."""
    command = [sys.executable, "-m", "benchmarks.allocator", "--child", name, *(["--keep"] if keeps else [])]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(told[-2]), float(told[-1])


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help="do this work in this process and print its time")
    parser.add_argument("--keep", action="store_true", help="with --child: keep freed memory")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child, keeps=chosen.keep)
        return
    rows = []
    for name in WORK:
        pairs = [(measured(name, keeps=False), measured(name, keeps=True)) for _ in range(chosen.rounds)]
        rows.append(
            {
                "work": name,
                "seconds": round(statistics.median(without[0] for without, _ in pairs), 4),
                "times_as_fast": round(statistics.median(without[0] / kept[0] for without, kept in pairs), 3),
                "peak_against_without": round(statistics.median(kept[1] / without[1] for without, kept in pairs), 3),
            }
        )
        print(rows[-1], flush=True)
    if not chosen.dry:
        facts = {"rounds": chosen.rounds, "threads": 1, "rows": rows}
        print(save_result("allocator", {"question": (__doc__ or "").splitlines()[0], **facts}))


if __name__ == "__main__":
    main()

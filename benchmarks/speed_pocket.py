"""How fast are pocket and the command line on this machine?

Run: `python -m benchmarks.speed_pocket`
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import save_result
from impasto.data.packs import find_pack
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.open import open_base
from impasto.registry.recipes import guidance_for


def seconds_for_four_pictures() -> list[float]:
    """Return the time of five draws of four pictures, 20 steps, pocket's usual guidance."""
    base = open_base("pocket")
    params = SamplingParams(20, guidance_for("pocket"), base.resolution, base.resolution, batch=4)
    requests = [ImageRequest("a fox on a green background, twemoji style", seed) for seed in range(4)]
    times = []
    for _ in range(5):
        started = time.perf_counter()
        list(draw(base, requests, params))
        times.append(time.perf_counter() - started)
    return times


def seconds_for_help() -> list[float]:
    """Return the time of five runs of `impasto --help`, the start of Python included."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "impasto", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return times


def demo_cost(out: Path) -> tuple[float, float]:
    """Return seconds and peak memory in GiB of `impasto demo`, in a process of its own, that writes to `out`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "impasto", "demo", "--out", str(out)], check=True)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def seconds_for_b_lora() -> float:
    """Return the time of `impasto train b-lora` on one picture, samples and the start of Python included."""
    picture = find_pack("openmoji").folder / "style" / "castle.png"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "impasto", "train", "b-lora", "--style-images", str(picture)]
        started = time.perf_counter()
        subprocess.run([*command, "--out", "castle.safetensors", "--run-dir", "run"], check=True, cwd=folder)
        return time.perf_counter() - started


def main() -> None:
    """Measure and write JSON."""
    drawing, helping = seconds_for_four_pictures(), seconds_for_help()
    demo_seconds, demo_memory = demo_cost(Path("demo"))
    result: dict[str, object] = {
        "question": (__doc__ or "").splitlines()[0],
        "seconds_for_four_pictures_of_20_steps": round(statistics.median(drawing), 2),
        "seconds_for_help": round(statistics.median(helping), 3),
        "seconds_for_b_lora": round(seconds_for_b_lora(), 1),
        "demo_seconds": round(demo_seconds, 1),
        "demo_peak_memory_gib": round(demo_memory, 2),
    }
    print(result)
    print(save_result("speed-pocket", result))


if __name__ == "__main__":
    main()

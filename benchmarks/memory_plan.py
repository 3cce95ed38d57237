"""How far is the expected memory of a training run from what it takes?

Every case runs three steps in a process of its own (CPU); the highest resident memory is compared with what the plan
said before step 1.

Run: `python -m benchmarks.memory_plan`
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import torch

from benchmarks.machine import save_result
from benchmarks.mid_sdxl import build
from benchmarks.step_speed import PACK
from impasto.core.events import Planned
from impasto.methods.styleforge import StyleForge, StyleForgeSettings
from impasto.training.options import TrainOptions
from impasto.training.resources.measured import peak_bytes
from impasto.training.train import train

CASES: dict[str, dict[str, object]] = {
    "pocket, low rank, 8 pictures": {"base": "pocket", "learn": "lora", "batch_size": 8},
    "pocket, in full, 8 pictures": {"base": "pocket", "learn": "full", "batch_size": 8},
    "random SDXL of 308 M, low rank, 1 picture": {"base": "middle", "learn": "lora", "batch_size": 1},
    "random SDXL of 308 M, low rank, 4 pictures": {"base": "middle", "learn": "lora", "batch_size": 4},
    "random SDXL of 308 M, low rank, 2 pictures, checkpointing": {
        "base": "middle",
        "learn": "lora",
        "batch_size": 2,
        "gradient_checkpointing": True,
    },
    "random SDXL of 308 M, UNet in full, 1 picture": {"base": "middle", "learn": "full", "batch_size": 1},
}


def run_one(case: str, middle: str, folder: Path) -> dict[str, object]:
    """Run one case here and return what was expected and taken, in GiB."""
    given = dict(CASES[case])
    learn, base = given.pop("learn"), given.pop("base")
    settings = StyleForgeSettings.model_validate({"learn": learn, "learn_text": False, "prior_weight": 0.0})
    paths = {"style_images": PACK, "out": folder / "s.safetensors", "run_dir": folder / "run", "cache": "none"}
    options = TrainOptions.model_validate(
        paths
        | {"base": middle if base == "middle" else base, "steps": 3, "sample_every": 0, "device": "cpu"}
        | {"precision": "fp32"}
        | given
    )
    said = ""
    with closing(train(options, StyleForge(settings))) as events:
        for event in events:
            if isinstance(event, Planned):
                said = dict(event.rows)["memory"]
    number, unit = said.split()[1:3]
    taken = (peak_bytes(torch.device("cpu")) or 0) / 2**30  # getrusage counts what the process was forked from
    expected = float(number) / (1 if unit == "GiB" else 1024)
    return {
        "case": case,
        "expected_gib": round(expected, 2),
        "taken_gib": round(taken, 2),
        "error": round(expected / taken - 1, 3),
    }


def main() -> None:
    """Measure all cases and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help="run this case here and print its row")
    parser.add_argument("--middle", default="", help="where the middle base is")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.one:
            print(json.dumps(run_one(chosen.one, chosen.middle, Path(folder))))
            return
        middle = chosen.middle or str(build(Path(folder)))
        rows = []
        for case in CASES:
            command = [sys.executable, "-m", "benchmarks.memory_plan", "--one", case, "--middle", middle]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
    if not chosen.dry:
        print(save_result("memory-plan", {"question": (__doc__ or "").splitlines()[0], "rows": rows}))


if __name__ == "__main__":
    main()

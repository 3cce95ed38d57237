"""All stages in order, by preset. A stage that is finished ends at once, so the same command goes on after a stop.

Run: `python -m pretraining.run --preset cpu` (15 hours on two cores) or `--preset gpu` (28 minutes; not tried
yet)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass

DATA = ("pretraining.data.fetch", "pretraining.data.packs")
BUILD = "pretraining.data.build"
AFTER = ("pretraining.package", "pretraining.evaluate")


@dataclass(frozen=True, slots=True)
class Length:
    """How long a stage is trained, and in what batches."""

    stage: str
    minutes: float
    batch: int

    def arguments(self, device: str) -> list[str]:
        """Return the stage's command line."""
        chosen = {"minutes": self.minutes, "batch": self.batch, "device": device}
        return [f"pretraining.{self.stage}", *(part for k, v in chosen.items() for part in (f"--{k}", str(v)))]


PRESETS: dict[str, tuple[Length, ...]] = {
    "cpu": (
        Length("autoencoder", 120, 8),
        Length("towers", 60, 192),
        Length("denoiser", 480, 64),
        Length("decoder", 60, 8),
        Length("judge", 30, 128),
        Length("image_prompt", 90, 48),
        Length("controlnet", 60, 48),
    ),
    "gpu": (
        Length("autoencoder", 6, 256),
        Length("towers", 2, 1024),
        Length("denoiser", 12, 1024),
        Length("decoder", 2, 128),
        Length("judge", 1, 1024),
        Length("image_prompt", 3, 512),
        Length("controlnet", 2, 512),
    ),
}
"""Of pocket with a hundred subjects."""
VARIANTS = {"cpu": 90, "gpu": 90}
"""Pictures of each (subject, artist) pair that are built."""


def run(module: str, *arguments: str) -> None:
    """Run one stage in a process of its own; ends this one when it fails."""
    print(f"== {module} {' '.join(arguments)}", flush=True)
    finished = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    if finished.returncode:
        raise SystemExit(f"{module} failed ({finished.returncode}): mend it and run the same command to go on")


def main() -> None:
    """Run what the preset says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(PRESETS), required=True)
    parser.add_argument("--without-data", action="store_true", help="the data set is built already")
    chosen = parser.parse_args()
    if not chosen.without_data:
        for module in DATA:
            run(module)
        run(BUILD, "--variants", str(VARIANTS[chosen.preset]))
    device = "cuda" if chosen.preset == "gpu" else "cpu"
    for length in PRESETS[chosen.preset]:
        run(*length.arguments(device), "--compile")
    for module in AFTER:
        run(module)


if __name__ == "__main__":
    main()

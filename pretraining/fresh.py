"""Renders that nothing was trained on, to measure with: built by the same code as the data set, with another seed.

Run: `python -m pretraining.fresh`, before `pretraining.evaluate`; a minute on one core.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from pretraining.data.build import subjects_for
from pretraining.data.pieces import job_for
from pretraining.data.store import write_pieces
from pretraining.data.subjects import V0
from pretraining.pictures import read_pictures, read_rows

FRESH = Path("pretraining/built-fresh")
SEED, VARIANTS = 1_000_003, 3
"""Of fresh renders; data sets to train on are built with small seeds."""


def read_fresh(folder: Path = FRESH) -> tuple[Tensor, list[dict[str, Any]]]:
    """Return the fresh pictures, uint8 (count, 3, 128, 128), and their rows.

    Raises:
        FileNotFoundError: They are not built.
    """
    if not (folder / "rows.json").exists():
        raise FileNotFoundError(f"{folder} holds no fresh renders: run python -m pretraining.fresh --out {folder}")
    return read_pictures(folder), read_rows(folder)


def main() -> None:
    """Build them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=len(V0), help="how many, as the data set has")
    parser.add_argument("--out", type=Path, default=FRESH, help="folder that is written")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    chosen = parser.parse_args()
    job = job_for(subjects_for(chosen.subjects), VARIANTS, SEED)
    digest = write_pieces(job.pieces(chosen.workers), job.count, chosen.out)
    print(f"{job.count} pictures of {chosen.subjects} subjects  sha256 {digest}")


if __name__ == "__main__":
    main()

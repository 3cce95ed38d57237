"""Renders that nothing was trained on, to measure with: built by the same code as the data set, with another seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

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
        build = f"python -m pretraining.data.build --seed {SEED} --variants {VARIANTS} --out {folder}"
        raise FileNotFoundError(f"{folder} holds no fresh renders: run {build}")
    return read_pictures(folder), read_rows(folder)

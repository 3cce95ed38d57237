"""The built data set as tensors, and sheets of pictures to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pretraining.data.build import BUILT


def read_pictures(folder: Path = BUILT) -> Tensor:
    """Return the pictures built into `folder`, uint8, shape (count, 3, 128, 128), memory-mapped."""
    array = np.load(folder / "pictures.npy", mmap_mode="c", allow_pickle=False)
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def read_rows(folder: Path = BUILT) -> list[dict[str, Any]]:
    """Return subject, hand, ground and captions of each picture built into `folder`."""
    rows: list[dict[str, Any]] = json.loads((folder / "rows.json").read_text("utf-8"))
    return rows


def read_digest() -> str:
    """Return the hash that identifies the built data set."""
    return (BUILT / "digest.txt").read_text("utf-8")


def to_unit(pictures: Tensor) -> Tensor:
    """Return uint8 pictures as float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def save_sheet(rows: list[Tensor], path: Path) -> None:
    """Write rows of pictures in [-1, 1], each (count, 3, height, width), as one PNG."""
    lines = [torch.cat(list(row.clamp(-1, 1)), dim=2) for row in rows]
    sheet = ((torch.cat(lines, dim=1) + 1) * 127.5).round().to(torch.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet.permute(1, 2, 0).numpy()).save(path)

"""Writing a data set piece by piece: pictures through a memory map, rows as JSON, and the hash of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pretraining.data.picture import SIZE

Piece = tuple[NDArray[np.uint8], list[dict[str, Any]]]
"""Pictures (count, SIZE, SIZE, 3) and as many rows."""


def write_pieces(pieces: Iterable[Piece], count: int, folder: Path) -> str:
    """Write `pictures.npy`, `rows.json` and `digest.txt` of `count` pictures and return the hash.

    The hash is that of all pictures followed by all rows as JSON; how they were cut into pieces does not matter.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staged, staged_rows = folder / ".pictures.npy", folder / ".rows.json"
    array = np.lib.format.open_memmap(staged, "w+", np.uint8, (count, SIZE, SIZE, 3))
    digest, written = hashlib.sha256(), 0
    with staged_rows.open("w", encoding="utf-8") as stream:
        for pictures, rows in pieces:
            array[written : written + len(rows)] = pictures
            digest.update(pictures.tobytes())
            for row in rows:
                stream.write(("[" if written == 0 else ", ") + json.dumps(row))
                written += 1
        stream.write("]")
    if written != count:
        raise ValueError(f"{written} pictures were made, {count} were expected")
    array.flush()
    with staged_rows.open("rb") as stored:
        while block := stored.read(1 << 20):
            digest.update(block)
    staged.replace(folder / "pictures.npy")  # a stage that has the old file open keeps it
    staged_rows.replace(folder / "rows.json")
    (folder / "digest.txt").write_text(digest.hexdigest(), "utf-8")
    return digest.hexdigest()

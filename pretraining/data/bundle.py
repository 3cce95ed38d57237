"""All rendered drawings in one small file, to take to a machine that has neither npm nor resvg.

A zip of lossless WebP pictures and the index of `library`; unpacking gives the very same arrays.

Run: `python -m pretraining.data.bundle pack drawings.zip`, and there the same with `unpack`
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from pretraining.data.render import RENDERS, SIZE, Picture

INDEX = "drawings.json"


def as_webp(drawing: Picture) -> bytes:
    """Return an RGBA drawing as lossless WebP, colours below transparent pixels included."""
    stream = io.BytesIO()
    Image.fromarray(drawing).save(stream, format="WEBP", lossless=True, exact=True, method=4)
    return stream.getvalue()


def pack(target: Path, renders: Path = RENDERS) -> None:
    """Write the library in `renders` to `target`."""
    drawings = np.load(renders / "drawings.npy", mmap_mode="r", allow_pickle=False)
    with zipfile.ZipFile(target, "w") as archive:  # WebP is compressed already
        archive.write(renders / INDEX, INDEX)
        for row, drawing in enumerate(drawings):
            archive.writestr(f"{row:06d}.webp", as_webp(np.asarray(drawing)))


def unpack(source: Path, renders: Path = RENDERS) -> None:
    """Write the library that `source` holds to `renders`; the index comes last, so half a library is none."""
    renders.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".webp"))
        array = np.lib.format.open_memmap(renders / ".drawings.npy", "w+", np.uint8, (len(names), SIZE, SIZE, 4))
        for row, name in enumerate(names):
            with Image.open(io.BytesIO(archive.read(name))) as drawing:
                array[row] = np.asarray(drawing.convert("RGBA"))
        array.flush()
        (renders / ".drawings.npy").replace(renders / "drawings.npy")
        (renders / INDEX).write_text(json.dumps(json.loads(archive.read(INDEX))), "utf-8")


def main() -> None:
    """Pack or unpack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("pack", "unpack"))
    parser.add_argument("file", type=Path)
    chosen = parser.parse_args()
    (pack if chosen.action == "pack" else unpack)(chosen.file)
    print(f"{chosen.file}  {chosen.file.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()

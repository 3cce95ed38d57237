"""The picture at the top of README, from what `impasto demo` drew: every second subject, whatever came out.

Run: `make demo`, then `.venv/bin/python tools/demo_picture.py`
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from impasto.data.held_out import read_held_out
from impasto.data.packs import find_pack
from impasto.reporting.grids import labelled_grid

ROWS = {"the artist": "real", "before": "before", "after": "after"}
COLUMNS = 6


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="folder of `impasto demo`")
    parser.add_argument("--pack", default="openmoji", help="what it learnt")
    parser.add_argument("--out", type=Path, default=Path("docs/demo.webp"))
    chosen = parser.parse_args()
    names = [each.name for each in read_held_out(find_pack(chosen.pack), demo_only=True)][::2]
    rows = []
    for label, kind in ROWS.items():
        pictures = [Image.open(chosen.demo / "pictures" / f"{name}-{kind}.png").convert("RGB") for name in names]
        rows.append((label, pictures))
    labelled_grid(rows, columns=COLUMNS).save(chosen.out, quality=90, method=6)


if __name__ == "__main__":
    main()

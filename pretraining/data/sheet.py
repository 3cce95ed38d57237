"""A labelled sheet of what the data set is made of: a row for each artist and each value of a style, then mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw

from pretraining.data.make import Made, make
from pretraining.data.picture import SIZE
from pretraining.data.styles import STYLE_VALUES, Style, allowed

ACROSS, LABEL, MARGIN, MIXTURES = 10, 54, 110, 6
TRIES = 60

NEEDED = {"outline_colour": {"outline_width": "bold"}, "outline_width": {"outline_colour": "black"}}
NEEDED["fill"] = {"outline_colour": "black", "outline_width": "medium"}
"""What a value is shown with, because it is nothing alone."""


def sorts(artists: Sequence[str]) -> dict[str, tuple[str | None, Style | None]]:
    """Return what each row shows: an artist, or None for any, and a style, or None for a mixture."""
    rows: dict[str, tuple[str | None, Style | None]] = {artist: (artist, Style()) for artist in artists}
    for name, values in STYLE_VALUES.items():
        rows |= {f"{name}: {value}": (None, allowed({**NEEDED.get(name, {}), name: value})) for value in values[1:]}
    return rows | {f"mixtures {number}": (None, None) for number in range(1, MIXTURES + 1)}


def draw_one(
    pairs: Sequence[tuple[str, str]], artist: str | None, style: Style | None, rng: np.random.Generator
) -> Made | None:
    """Return a picture of a pair drawn at random on which the style can be seen; None when none was found."""
    offered = [pair for pair in pairs if artist in (None, pair[1])]
    for _ in range(TRIES):
        made = make(*offered[int(rng.integers(len(offered)))], style, None, rng)
        if style is None or made.style == style:
            return made
    return None


def write_sheet(pairs: Sequence[tuple[str, str]], path: Path, seed: int) -> None:
    """Write the sheet as a PNG; below each picture is what it shows."""
    wanted = sorts(tuple(dict.fromkeys(artist for _, artist in pairs)))
    height = SIZE + LABEL
    sheet = Image.new("RGB", (MARGIN + ACROSS * (SIZE + 4), len(wanted) * height), (40, 40, 44))
    pen = ImageDraw.Draw(sheet)
    for row, (name, (artist, style)) in enumerate(wanted.items()):
        rng = np.random.default_rng((seed, row))
        pen.multiline_text((4, row * height + 4), "\n".join(wrap(name, 16)), fill="white")
        for column in range(ACROSS):
            if (made := draw_one(pairs, artist, style, rng)) is None:
                break
            corner = (MARGIN + column * (SIZE + 4), row * height)
            sheet.paste(Image.fromarray(made.picture), corner)
            words = f"{made.subject}, {made.artist}" + (f": {made.style.words}" if style is None else "")
            pen.multiline_text((corner[0], corner[1] + SIZE + 1), "\n".join(wrap(words, 22)[:4]), fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)

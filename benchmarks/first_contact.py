"""README's own commands on twelve drawings in an invented style, without captions, as a new user would give them.

    python -m benchmarks.first_contact rings FOLDER

Draws twelve subjects that are not among the drawings, with the untrained base and with the style, same words and seeds,
and puts both rows under the drawings: `benchmarks/results/first-contact-NAME.png`. A reader gets
`first-contact-NAME-blind.png` alone, with no words, the rows in an order that `-key.json` tells, and answers what this
command prints. A style file that is in the folder already is used as it is. Pocket takes minutes for it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from PIL import Image

from benchmarks.invented_styles import STYLES, write_style
from impasto.cli.main import main as impasto
from impasto.core.grammar import with_article
from impasto.data.images import fit_square, read_picture
from impasto.reporting.grids import labelled_table

RESULTS = Path("benchmarks/results")
_SIDE = 128
SUBJECTS = (
    *(
        "lion",
        "panda",
        "turtle",
        "skull",
        "old woman",
        "banana",
        "guitar",
        "hamburger",
        "tulip",
        "church",
        "automobile",
    ),
    "palm tree",
)
"""In neither style; pocket knows them."""


_QUESTIONS = """The reader sees {sheet} alone, and answers for each of the columns 1 to 12:
  1. What does the picture in row A show? And the one in row B? (a word each; wanted: 8 of 12 in the learnt row)
  2. Which of the two, A or B, is nearer to the style of the drawings above? (wanted: 10 of 12 the learnt row)
Rows and subjects are in {key}, not to be shown."""


def prompts() -> list[str]:
    """Return what is drawn; no background is named, so that a style with one of its own can show it."""
    return [with_article(name) for name in SUBJECTS]


def rows_of(name: str, folder: Path) -> dict[str, list[Image.Image]]:
    """Return the drawings, what the untrained base draws and what it draws after learning."""
    drawings = _opened(write_style(name, folder / name))
    style = folder / f"{name}.safetensors"
    if not style.exists():
        given = ("--style-images", folder / name, "--aux-images", "pack:openmoji", "--out", style)
        _run("train", "styleforge", *given, "--run-dir", folder / f"{name}-run")
    listed = folder / f"{name}-prompts.txt"
    listed.write_text("\n".join(prompts()) + "\n", "utf-8")
    drawn = {}
    for row, styled in (("untrained", ()), ("learnt", ("--style", style))):
        out = folder / f"{name}-{row}"
        if not out.exists():
            _run("generate", *styled, "--prompts", listed, "--out", out)
        drawn[row] = _opened(sorted(out.glob("*-seed*.png")))
    return {"drawings": drawings, **drawn}


def blind_sheet(name: str, rows: Mapping[str, list[Image.Image]]) -> tuple[Image.Image, dict[str, object]]:
    """Return the sheet for a reader, and its key: one row of the two is A, the style's name decides which."""
    order = ["untrained", "learnt"] if sha256(name.encode()).digest()[0] % 2 else ["learnt", "untrained"]
    labelled = [("drawings", rows["drawings"]), *zip("AB", (rows[each] for each in order), strict=True)]
    numbers = [str(place) for place in range(1, len(SUBJECTS) + 1)]
    return labelled_table(numbers, labelled), {"A": order[0], "B": order[1], "subjects": list(SUBJECTS)}


def _opened(paths: Sequence[Path]) -> list[Image.Image]:
    return [fit_square(read_picture(path).image, _SIDE)[0] for path in paths]


def _run(*arguments: object) -> None:
    code = impasto([str(each) for each in arguments])
    if code:
        raise SystemExit(code)


def main() -> None:
    """Make the sheets of one style."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("style", choices=sorted(STYLES))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = rows_of(given.style, given.folder)
    labelled_table(SUBJECTS, list(rows.items())).save(RESULTS / f"first-contact-{given.style}.png")
    blind, key = blind_sheet(given.style, rows)
    files = {what: RESULTS / f"first-contact-{given.style}-{what}" for what in ("blind.png", "key.json")}
    blind.save(files["blind.png"])
    files["key.json"].write_text(json.dumps(key, indent=2) + "\n", "utf-8")
    print(_QUESTIONS.format(sheet=files["blind.png"], key=files["key.json"]))


if __name__ == "__main__":
    main()

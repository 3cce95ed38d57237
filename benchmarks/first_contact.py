"""README's own commands on twelve drawings in an invented style, without captions, as a new user would give them.

    python -m benchmarks.first_contact rings FOLDER

Draws twelve subjects that are not among the drawings, with the untrained base and with the style, same words and seeds,
and puts both rows under some of the drawings: `benchmarks/results/first-contact-NAME.png`. A style file that is in the
folder already is used as it is. Pocket takes minutes for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
_COLOURS = ("green", "pink", "blue", "white", "yellow", "sky blue")


def prompts() -> list[str]:
    """Return what is drawn."""
    return [
        f"{with_article(name)} on a {_COLOURS[place % len(_COLOURS)]} background" for place, name in enumerate(SUBJECTS)
    ]


def sheet(name: str, folder: Path) -> Image.Image:
    """Return the drawings, what the untrained base draws and what it draws after learning."""
    drawings = _opened(write_style(name, folder / name))
    style = folder / f"{name}.safetensors"
    if not style.exists():
        given = ("--style-images", folder / name, "--aux-images", "pack:openmoji", "--out", style)
        _run("train", "styleforge", *given, "--run-dir", folder / f"{name}-run")
    listed = folder / "prompts.txt"
    listed.write_text("\n".join(prompts()) + "\n", "utf-8")
    drawn = {}
    for row, styled in (("untrained", ()), ("learnt", ("--style", style))):
        out = folder / f"{name}-{row}"
        if not out.exists():
            _run("generate", *styled, "--prompts", listed, "--out", out)
        drawn[row] = _opened(sorted(out.glob("*-seed*.png")))
    rows = [("drawings", drawings), *drawn.items()]
    return labelled_table(SUBJECTS, [(label, pictures[: len(SUBJECTS)]) for label, pictures in rows])


def _opened(paths: Sequence[Path]) -> list[Image.Image]:
    return [fit_square(read_picture(path).image, _SIDE)[0] for path in paths]


def _run(*arguments: object) -> None:
    code = impasto([str(each) for each in arguments])
    if code:
        raise SystemExit(code)


def main() -> None:
    """Make the sheet of one style."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("style", choices=sorted(STYLES))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    sheet(given.style, given.folder).save(RESULTS / f"first-contact-{given.style}.png")


if __name__ == "__main__":
    main()

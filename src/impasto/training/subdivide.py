"""Divide a folder of pictures into concepts by an image-text encoder: a CSV to correct, and a sheet to look at."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Annotated

from PIL import Image
from pydantic import Field, StringConstraints, model_validator

from impasto.core.config import Config
from impasto.core.errors import ConfigError
from impasto.core.events import Event, Generated, Progress
from impasto.core.files import refuse_existing, refuse_folder
from impasto.core.finite import require_finite
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile
from impasto.data.images import fit_square, read_picture
from impasto.data.packs import pictures_of
from impasto.data.png import write_png
from impasto.data.subdivision import BACKGROUNDS, PEOPLE, Divided, divide, prompts_for, write_division
from impasto.features._scorers import open_scorer
from impasto.models.open import choose_device
from impasto.models.source import POCKET
from impasto.reporting.grids import labelled_grid

_COLUMNS, _SIDE = 10, 96
_BATCH = 32


@grouped(pictures="source concepts", machine="scorer device", run="out overwrite")
class SubdivideOptions(Config):
    """Divide pictures into people and backgrounds, or other concepts, for train multi-styleforge.

    The CSV has a line for each picture, least sure first: correct the class, or write none to leave a picture out, and
    give it to train with --concepts-csv. The sheet of all pictures by class is written beside it.
    """

    source: FileOrName
    """A folder of pictures, or pack:NAME for the style pictures of a shipped pack."""
    out: OutputFile
    """The CSV to write; the sheet goes beside it, as .png."""
    overwrite: bool = False
    """Replace the file and its sheet that --out names where they exist; the CSV may hold your corrections."""
    concepts: tuple[Annotated[str, StringConstraints(pattern=r"^[\w-]+$")], ...] = Field(
        default=(PEOPLE, BACKGROUNDS), min_length=2
    )
    """Classes; repeat the flag. Any but people and backgrounds are described by their names alone."""
    scorer: FileOrName = POCKET
    """pocket, which knows emoji drawings alone, or a CLIP checkpoint (hub name or folder) for all else."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps; pocket is always on the CPU."""

    @model_validator(mode="after")
    def _each_once(self) -> SubdivideOptions:
        if len(set(self.concepts)) < len(self.concepts):
            raise ValueError("concepts must differ: name each once")
        return self


def subdivide(options: SubdivideOptions) -> Generator[Event]:
    """Yield progress, then one `Generated` for the CSV and one for the sheet.

    Raises:
        ConfigError: The output is no .csv or exists: it may hold corrections.
    """
    refuse_folder(options.out, "--out")
    if options.out.suffix.lower() != ".csv":
        raise ConfigError(f"--out {options.out} must end in .csv")
    for target in (options.out, options.out.with_suffix(".png")):
        refuse_existing(target, "--out", overwrite=options.overwrite)
    paths = list(dict.fromkeys(pictures_of(options.source, "style", "DIR")))  # kohya's folders list some several times
    yield Progress("looking at pictures", 0, len(paths))
    divided = divide_pictures(paths, options.concepts, options.scorer, options.device)
    yield Progress("looking at pictures", len(paths), len(paths))
    sheet = review_sheet(paths, divided, options.concepts)
    write_division(options.out, divided)
    yield Generated(options.out, "", 0)
    target = options.out.with_suffix(".png")
    write_png(target, sheet)
    yield Generated(target, "", 0)


def divide_pictures(paths: Sequence[Path], concepts: Sequence[str], scorer: str, device: str = "auto") -> list[Divided]:
    """Return where each picture belongs, in order.

    Args:
        paths: Picture files.
        concepts: Classes; of a single one everything is.
        scorer: "pocket", or a CLIP checkpoint.
        device: Where a CLIP checkpoint computes.
    """
    if len(concepts) == 1:
        return [Divided(path.name, concepts[0], 1.0) for path in paths]
    judge = open_scorer(scorer, choose_device(device))
    classes = {concept: judge.text(prompts_for(concept)) for concept in concepts}
    divided: list[Divided] = []
    for first in range(0, len(paths), _BATCH):
        part = paths[first : first + _BATCH]
        seen = judge.extract([read_picture(path).image for path in part])
        features = require_finite(seen, f"what the scorer sees in {part[0].name}", "take another --scorer")
        divided += [
            Divided(path.name, concept, score)
            for path, (concept, score) in zip(part, divide(features, classes), strict=True)
        ]
    return divided


def review_sheet(paths: Sequence[Path], divided: Sequence[Divided], concepts: Sequence[str]) -> Image.Image:
    """Return one sheet of all pictures: a block for each class, the least sure first."""
    blocks = []
    for concept in concepts:
        chosen = [(each.score, path) for path, each in zip(paths, divided, strict=True) if each.concept == concept]
        pictures = [fit_square(read_picture(path).image, _SIDE)[0] for _, path in sorted(chosen)]
        if pictures:
            blocks.append(labelled_grid([(f"{concept}\n{len(pictures)}", pictures)], columns=_COLUMNS))
    sheet = Image.new("RGB", (max(block.width for block in blocks), sum(block.height for block in blocks)), "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    return sheet

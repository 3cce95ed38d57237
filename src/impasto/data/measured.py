"""Pictures that are measured, all of one size: PNG only, but for real ones that are not to be had so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from impasto.core.errors import DataError
from impasto.data.images import Picture, fit_square, read_picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_measured(paths: Sequence[Path], option: str, *, side: int | None, may_be_lossy: bool = False) -> list[Picture]:
    """Return the pictures in the files `paths`, in order.

    JPEG and other lossy files are refused of drawn pictures: their artefacts lie within what encoders see of style, and
    a distance would compare the compression of two folders. Sizes are not mixed, since resizing is part of a metric.

    Args:
        paths: At least one.
        option: The option that named them, for messages.
        may_be_lossy: Take them all the same, as of real pictures that exist as JPEG alone; see `count_lossy`.
        side: Bring each to its middle square with this side; None wants them all of one size as they are.

    Raises:
        DataError: One is no PNG or damaged, or sizes are mixed.
    """
    if side is not None:  # cut when read: the large originals are never in memory together
        return [_cut(_read(path, option, may_be_lossy=may_be_lossy), side) for path in paths]
    pictures = [_read(path, option, may_be_lossy=may_be_lossy) for path in paths]
    first = pictures[0]
    for picture in pictures:
        refuse_other_size(first, picture, option)
    return pictures


def refuse_other_size(first: Picture, other: Picture, option: str) -> None:
    """Raise `DataError` if two pictures differ in size."""
    if first.image.size != other.image.size:
        raise DataError(
            f"{option} mixes sizes: {first.path.name} has {_spoken(first.image)}, {other.path} {_spoken(other.image)};"
            f" --resize {min(first.image.size)} makes them one size, cut to the middle square"
        )


def count_lossy(pictures: Sequence[Picture]) -> int:
    """Return how many pictures are in files that are no PNG."""
    return sum(not _is_png(picture.path) for picture in pictures)


def _is_png(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_SIGNATURE)) == _SIGNATURE


def _read(path: Path, option: str, *, may_be_lossy: bool) -> Picture:
    if not may_be_lossy and not _is_png(path):
        raise DataError(
            f"{option}: {path} is no PNG: lossy files are not measured, since their artefacts would count as style; "
            "use lossless originals (a JPEG saved again as PNG keeps its artefacts)"
        )
    return read_picture(path)


def _cut(picture: Picture, side: int) -> Picture:
    return replace(picture, image=fit_square(picture.image, side)[0])


def _spoken(image: Image.Image) -> str:
    return f"{image.width}x{image.height}"

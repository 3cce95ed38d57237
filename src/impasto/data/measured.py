"""Pictures that are measured: PNG only, all of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from impasto.core.errors import DataError
from impasto.data.images import Picture, fit_square, read_picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_measured(paths: Sequence[Path], option: str, *, side: int | None) -> list[Picture]:
    """Return the pictures in the files `paths`, in order.

    JPEG and other lossy files are refused: their artefacts lie within what encoders see of style, and a distance would
    compare the compression of two folders. Sizes are not mixed, since resizing is part of a metric.

    Args:
        paths: At least one.
        option: The option that named them, for messages.
        side: Bring each to its middle square with this side; None wants them all of one size as they are.

    Raises:
        DataError: One is no PNG or damaged, or sizes are mixed.
    """
    if side is not None:  # cut when read: the large originals are never in memory together
        return [_cut(_read_png(path, option), side) for path in paths]
    pictures = [_read_png(path, option) for path in paths]
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


def _read_png(path: Path, option: str) -> Picture:
    with path.open("rb") as stream:
        is_png = stream.read(len(_SIGNATURE)) == _SIGNATURE
    if not is_png:
        raise DataError(
            f"{option}: {path} is no PNG: lossy files are not measured, since their artefacts would count as style; "
            "use lossless originals (a JPEG saved again as PNG keeps its artefacts)"
        )
    return read_picture(path)


def _cut(picture: Picture, side: int) -> Picture:
    return replace(picture, image=fit_square(picture.image, side)[0])


def _spoken(image: Image.Image) -> str:
    return f"{image.width}x{image.height}"

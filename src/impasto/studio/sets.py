"""Sets of pictures: what was dropped on the page, with captions beside them, and the shipped packs."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from impasto.core.errors import DataError
from impasto.core.files import staged, write_text
from impasto.data.captions import caption_of
from impasto.data.duplicates import THRESHOLD, small_copy
from impasto.data.image_formats import SUFFIXES
from impasto.data.images import fit_square, read_picture, to_tensor
from impasto.data.packs import PREFIX, pictures_of
from impasto.studio.gone import Gone
from impasto.studio.workspace import Workspace, is_plain, plain_name

MOST_PICTURES = 1000
LARGEST_PICTURE = 64 * 2**20
TINY = 0.5
"""Part of the base's size below which a picture is called tiny."""
_TITLE = "title.json"


def folder_of(workspace: Workspace, name: str) -> Path:
    """Return the folder of a set."""
    return workspace.find("sets", name)


def pictures_in(workspace: Workspace, name: str) -> list[Path]:
    """Return the pictures of a set or of `pack:NAME/PART`, sorted by name.

    Raises:
        DataError: There is no such set.
        ConfigError: There is no such pack.
    """
    if name.startswith(PREFIX):
        return pictures_of(name, "style", "pack")
    folder = folder_of(workspace, name)
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.is_symlink())
    return sorted(path for path in found if not path.name.startswith("."))


def picture_in(workspace: Workspace, name: str, picture: str) -> Path:
    """Return one picture of a set or pack."""
    found = next((path for path in pictures_in(workspace, name) if path.name == picture), None)
    if found is None or not is_plain(picture):
        raise Gone(f"the picture {picture[:60]!r} is no longer there")
    return found


def title_of(folder: Path) -> str:
    """Return what the person called a set."""
    try:
        return str(json.loads((folder / _TITLE).read_text("utf-8")))
    except (OSError, ValueError):
        return folder.name


def set_title(folder: Path, title: str) -> None:
    """Call a set something."""
    write_text(folder / _TITLE, json.dumps(title[:80]))


def add_picture(folder: Path, given: str, data: bytes) -> Path:
    """Keep an uploaded picture; returns its file, under a name that is free.

    Raises:
        DataError: It cannot be read, or the set is full.
    """
    suffix = Path(given).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{given[:60]} is no picture: {', '.join(sorted(SUFFIXES))} are read")
    taken = {path.stem for path in folder.iterdir()}
    if len(taken) >= 2 * MOST_PICTURES:
        raise DataError(f"a set holds at most {MOST_PICTURES} pictures")
    stem = plain_name(Path(given).stem) or "picture"
    name = next(each for n in range(1, 100_000) if (each := stem if n == 1 else f"{stem}-{n}") not in taken)
    target = folder / f"{name}{suffix}"
    with staged(target) as staging:
        staging.write_bytes(data)
        try:
            read_picture(staging)
        except DataError as error:
            raise DataError(str(error).replace(str(staging), given[:60])) from error
    return target


def set_caption(picture: Path, words: str) -> None:
    """Write what a picture shows beside it; without words there is no caption."""
    path = picture.with_suffix(".txt")
    text = " ".join(words.split())[:2000]
    if text:
        write_text(path, f"{text}\n")
    else:
        path.unlink(missing_ok=True)


def described(pictures: Sequence[Path], resolution: int) -> list[dict[str, object]]:
    """Return what the page shows of each picture: size, caption, and what is doubtful about it."""
    rows: list[dict[str, object]] = []
    seen: list[tuple[str, Tensor]] = []
    for path in pictures:
        facts = _facts(path, path.stat().st_mtime_ns)
        doubts = [facts.problem] if facts.problem else []
        side = min(facts.width, facts.height)
        if not doubts and side < resolution * TINY:
            doubts.append(f"tiny: {side} pixels, the base draws {resolution}")
        if facts.copy is not None:
            twin = next((name for name, other in seen if _differ(facts.copy, other) < THRESHOLD), None)
            doubts += [f"looks the same as {twin}"] if twin else []
            seen.append((path.name, facts.copy))
        rows.append(
            {
                "name": path.name,
                "width": facts.width,
                "height": facts.height,
                "caption": caption_of(path) or "",
                "doubts": doubts,
                "notes": list(facts.notes),
            }
        )
    return rows


def _differ(copy: Tensor, other: Tensor) -> float:
    return float((copy - other).square().mean().sqrt())


@dataclass(frozen=True, slots=True)
class _Facts:
    width: int = 0
    height: int = 0
    problem: str = ""
    notes: tuple[str, ...] = ()
    copy: Tensor | None = None


@lru_cache(maxsize=4096)
def _facts(path: Path, _changed: int) -> _Facts:
    try:
        read = read_picture(path)
    except DataError as error:
        return _Facts(problem=str(error).replace(str(path), path.name))
    width, height = read.image.size
    return _Facts(width, height, "", read.notes, to_tensor(small_copy(read.image)) / 2)


@lru_cache(maxsize=1024)
def thumbnail(path: Path, _changed: int, side: int) -> bytes:
    """Return the middle square of a picture, which is what training sees of it, as WebP."""
    with io.BytesIO() as stream:
        square, _ = fit_square(read_picture(path).image, side)
        square.save(stream, format="WEBP", quality=82)
        return stream.getvalue()

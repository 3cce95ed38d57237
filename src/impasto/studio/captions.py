"""Words suggested for pictures without a caption: of their names, else a captioner's, to be corrected and taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from impasto.captioning.fill import fill, from_names
from impasto.captioning.shared_background import without_shared_background
from impasto.core.errors import DataError
from impasto.core.files import write_text
from impasto.data.captions import caption_of
from impasto.data.images import PictureFile, check_picture

_SUGGESTED = "suggested.json"


def suggested_in(folder: Path, base: str) -> Mapping[str, str]:
    """Return what was suggested for a base, by file name; an empty text where nothing could be."""
    try:
        read = json.loads((folder / _SUGGESTED).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    found: Mapping[object, object] = read if isinstance(read, dict) else {}
    words = found.get("words") if found.get("base") == base else None
    return {str(file): str(each) for file, each in words.items()} if isinstance(words, dict) else {}


def suggest(folder: Path, pictures: Sequence[Path], base: str, called: str) -> None:
    """Suggest words for the pictures that have none: from their names where these say something, else by a captioner.

    Args:
        folder: Of the set, where they are kept until somebody takes them.
        pictures: All of the set.
        base: The base that will be trained: its name, or where it is.
        called: How the page calls it.
    """
    bare = [path for path in pictures if caption_of(path) is None]
    left = [checked for path in bare if (checked := _sound(path)) is not None]
    named, _ = without_shared_background(from_names(left, base))
    unnamed = [each for each in left if each.path not in named]
    seen = fill("style", unnamed, "base", base, "auto").words if unnamed else {}
    found = dict.fromkeys(bare, "") | named | seen
    words = {path.name: each for path, each in found.items()}
    write_text(folder / _SUGGESTED, json.dumps({"base": called, "words": words}, indent=1, sort_keys=True) + "\n")


def _sound(path: Path) -> PictureFile | None:
    try:
        return check_picture(path)
    except DataError:  # told beside the picture
        return None

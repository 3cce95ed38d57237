"""Which pictures of a set show people, and which backgrounds: suggested by an encoder, corrected by hand, kept as JSON.

Methods that divide the style read a CSV that names every picture once. It is made when a training is asked for, of the
pictures that are there then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from impasto.core.errors import DataError
from impasto.core.files import write_text
from impasto.data.packs import PREFIX, people_and_backgrounds
from impasto.data.subdivision import BACKGROUNDS, LEFT_OUT, PEOPLE, Divided, write_division
from impasto.features._scorers import CLIP
from impasto.models.source import POCKET
from impasto.studio.sets import folder_of, pictures_in
from impasto.studio.workspace import Workspace
from impasto.training.subdivide import divide_pictures

Concept = Literal["people", "backgrounds", "none", ""]
"""What a picture shows; "none" leaves it out, "" is not said yet."""
_CHOSEN, _CSV = "concepts.json", "concepts.csv"
_KNOWN = (PEOPLE, BACKGROUNDS, LEFT_OUT)
_TOLD = 3


def concepts_in(workspace: Workspace, name: str, pictures: Sequence[Path]) -> dict[str, str]:
    """Return what is said of pictures, by file name; packs know it of theirs."""
    if name.startswith(PREFIX):
        divided = people_and_backgrounds(name, pictures).items()
        return {path.name: concept for concept, paths in divided for path in paths}
    return _chosen(folder_of(workspace, name))


def set_concept(workspace: Workspace, name: str, picture: Path, concept: Concept) -> None:
    """Say what a picture shows."""
    folder = folder_of(workspace, name)
    _keep(folder, _chosen(folder) | {picture.name: concept})


def divide_set(folder: Path, pictures: Sequence[Path], base: str) -> None:
    """Let an encoder say it of all pictures of which nobody said anything: pocket's own for pocket, CLIP for others."""
    missing = [path for path in pictures if path.name not in _chosen(folder)]
    if missing:
        divided = divide_pictures(missing, (PEOPLE, BACKGROUNDS), POCKET if base == POCKET else CLIP)
        _keep(folder, {each.file: each.concept for each in divided} | _chosen(folder))  # who was quicker by hand wins


def concepts_csv(workspace: Workspace, name: str) -> Path:
    """Return a CSV with a line for every picture of a set.

    Raises:
        DataError: Of a picture nothing is said.
    """
    folder, pictures = folder_of(workspace, name), pictures_in(workspace, name)
    chosen = _chosen(folder)
    missing = [path.name for path in pictures if path.name not in chosen]
    if missing:
        told = ", ".join(missing[:_TOLD])
        raise DataError(f"say of each picture whether it shows people or backgrounds: {told} and others are not said")
    write_division(folder / _CSV, [Divided(path.name, chosen[path.name], 1.0) for path in pictures])
    return folder / _CSV


def _chosen(folder: Path) -> dict[str, str]:
    try:
        read = json.loads((folder / _CHOSEN).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    found: Mapping[object, object] = read if isinstance(read, dict) else {}
    return {str(file): str(concept) for file, concept in found.items() if concept in _KNOWN}


def _keep(folder: Path, chosen: Mapping[str, str]) -> None:
    said = {file: concept for file, concept in chosen.items() if concept in _KNOWN}
    write_text(folder / _CHOSEN, json.dumps(said, indent=1, sort_keys=True) + "\n")

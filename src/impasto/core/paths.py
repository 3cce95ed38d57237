"""Paths as users write them, the same in every option: "~" is the home folder, and names have to fit the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from impasto.core.files import is_file, is_folder

SAFETENSORS = ".safetensors"
_HOME = re.compile(r"(?<=[:@])~(?=[/\\]|$)")
_LONGEST_NAME, _LONGEST_PATH = 255, 3900
_ADDED = 16
"""Bytes that names made from an output's name have more at most: "-content", ".json"."""
FILE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic"}
    | {SAFETENSORS, ".json", ".csv", ".txt", ".toml", ".zip", ".html"}
)
"""How files are called; a folder of such a name is a mistake."""


def with_home(given: str) -> str:
    """Return a path or name with "~" at its beginning as the home folder, also behind "csd:" or "MODEL@"."""
    return _HOME.sub(lambda _: os.path.expanduser("~"), os.path.expanduser(given))  # noqa: PTH111 - never raises


def as_path_text(given: str) -> str:
    """Return what `with_home` does; raises `ValueError` for a zero byte, which no system takes in a path."""
    if "\0" in given:
        raise ValueError("holds a zero byte, which no path has: leave it out")
    return with_home(given)


def without_folders(given: str) -> str:
    """Return the last part of a path that exists here; nothing that is passed on holds paths of anybody's machine."""
    path = Path(given)
    return (path.name or given) if is_file(path) or is_folder(path) else given


def is_safetensors(path: Path) -> bool:
    """Return whether a file is called .safetensors, in letters of any case."""
    return path.suffix.lower() == SAFETENSORS


def _fitting(path: Path) -> Path:
    """Return the path; raises `ValueError` if one of its names is longer than the disk takes."""
    longest = _name_limit(path)
    for part in path.parts:
        room = longest - (_ADDED if part == path.name else 0)
        if (size := len(os.fsencode(part))) > room:
            raise ValueError(f"this name has {size} bytes, at most {room} can be written there: choose a shorter one")
    whole = len(os.fsencode(os.path.abspath(path)))  # noqa: PTH100 - resolves no links
    if whole > _LONGEST_PATH:
        raise ValueError(f"this path has {whole} bytes, at most {_LONGEST_PATH} can be written: choose a shorter one")
    return path


def _name_limit(path: Path) -> int:
    for folder in Path(os.path.abspath(path)).parents:  # noqa: PTH100 - resolves no links
        try:
            return os.pathconf(folder, "PC_NAME_MAX")
        except (OSError, ValueError, AttributeError):  # not there yet, or Windows
            continue
    return _LONGEST_NAME


def _like_a_folder(path: Path) -> Path:
    """Return the path; raises `ValueError` if it is called as files are, and is no folder already."""
    if path.suffix.lower() in FILE_SUFFIXES and not os.path.isdir(path):  # noqa: PTH112 - never raises
        raise ValueError(f"is the name of a file, and a folder is written: leave out {path.suffix}")
    return path


def is_folder_option(metadata: Sequence[object]) -> bool:
    """Return whether the metadata of an option say that it names a folder to write into."""
    return any(isinstance(each, AfterValidator) and each.func is _like_a_folder for each in metadata)


FileOrName: TypeAlias = Annotated[str, AfterValidator(as_path_text)]
"""A file or folder to read, or a name such as pack:NAME."""
OutputFile: TypeAlias = Annotated[Path, AfterValidator(_fitting)]
"""A file to write, or where the command takes both, a folder."""
OutputFolder: TypeAlias = Annotated[Path, AfterValidator(_fitting), AfterValidator(_like_a_folder)]
"""A folder to write into."""

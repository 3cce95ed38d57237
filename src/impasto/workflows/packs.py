"""Style packs that ship with the package, and folders given as `pack:NAME`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from impasto.core.errors import ConfigError

PREFIX = "pack:"
_STREAM_FOLDERS = {"style": "style", "aux": "auxiliary"}


@dataclass(frozen=True, slots=True)
class Pack:
    """A shipped style pack.

    Attributes:
        name: Its folder's name.
        folder: Holds `style`, `auxiliary` and `held_back`.
        title: For people.
        licence: SPDX identifier of the style pictures.
        demo: Stems of the held-back pictures that make a good demonstration.
    """

    name: str
    folder: Path
    title: str
    licence: str
    demo: tuple[str, ...]


def _packs_folder() -> Path:
    return Path(str(files("impasto"))) / "pocket" / "packs"


def find_pack(name: str) -> Pack:
    """Return the pack called `name`; raises `ConfigError` that lists the shipped ones."""
    folder = _packs_folder()
    known = sorted(path.parent.name for path in folder.glob("*/pack.json"))
    if name not in known:
        raise ConfigError(f"pack {name!r} is not shipped: choose one of {', '.join(known)}")
    facts = json.loads((folder / name / "pack.json").read_text("utf-8"))
    return Pack(name, folder / name, facts["title"], facts["licence"], tuple(facts["demo"]))


def folder_of(given: str, stream: str) -> Path:
    """Return the folder that `given` names: a path, or `pack:NAME` for the pack's pictures of `stream`."""
    if given.startswith(PREFIX):
        return find_pack(given.removeprefix(PREFIX)).folder / _STREAM_FOLDERS[stream]
    return Path(given).expanduser()

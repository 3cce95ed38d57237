"""Style packs that ship with the package, and pictures given as `pack:NAME` or a part of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain, zip_longest
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.data.images import list_pictures
from impasto.data.subdivision import BACKGROUNDS, PEOPLE

PREFIX = "pack:"
_STREAM_FOLDERS = {"style": "style", "aux": "auxiliary", "reference": "held_out"}
_PART = re.compile(
    r"(?P<name>[^/]+)(/(?P<folder>style|auxiliary|held_out))?(/(?P<concept>people|backgrounds))?"
    r"(/((?P<first>[0-9]{1,4})-)?(?P<last>[0-9]{1,4}))?"
)


@dataclass(frozen=True, slots=True)
class Pack:
    """A shipped style pack.

    Attributes:
        name: Its folder's name.
        folder: Holds `style`, `auxiliary` and `held_out`.
        title: For people.
        licence: SPDX identifier of the style pictures.
        demo: Stems of the held-out pictures that make a good demonstration.
        people: Stems of all pictures that show people or faces; the others show backgrounds.
    """

    name: str
    folder: Path
    title: str
    licence: str
    demo: tuple[str, ...]
    people: frozenset[str]

    def part(self, name: str) -> Path:
        """Return the folder of "style", "auxiliary" or "held_out" pictures."""
        return self.folder / name


def _packs_folder() -> Path:
    return Path(str(files("impasto"))) / "pocket" / "packs"


def pack_names() -> list[str]:
    """Return the shipped packs."""
    return sorted(path.parent.name for path in _packs_folder().glob("*/pack.json"))


def find_pack(name: str) -> Pack:
    """Return the pack called `name`; raises `ConfigError` that lists the shipped ones."""
    folder, known = _packs_folder(), pack_names()
    if name not in known:
        raise ConfigError(f"pack {name!r} is not shipped: choose one of {', '.join(known)}")
    facts = json.loads((folder / name / "pack.json").read_text("utf-8"))
    return Pack(name, folder / name, facts["title"], facts["licence"], tuple(facts["demo"]), frozenset(facts["people"]))


def pictures_of(given: str, stream: str, option: str) -> list[Path]:
    """Return the picture files that `given` names, sorted by name.

    `given` is a folder, one picture, or `pack:NAME`, then as wanted a folder of the pack, a concept, and how many or
    which: `pack:openmoji/people`, `pack:openmoji/10`, `pack:openmoji/held_out/backgrounds/6-20`. Pictures are counted
    with people and backgrounds in turn, so that the first ten are among the first twenty and both are half and half.

    Args:
        given: What the user asked for.
        stream: "style", "aux" or "reference": which folder of a pack is meant unless it is named.
        option: The option that named it, for messages.

    Raises:
        ConfigError: There is no such pack, or no such part of it.
        DataError: There is no such folder, or no picture in it.
    """
    if not given.startswith(PREFIX):
        return list_pictures(Path(given), option)
    asked = _PART.fullmatch(given.removeprefix(PREFIX))
    if asked is None:
        raise ConfigError(
            f"{option} {given!r} is no part of a pack: write {PREFIX}NAME, then as wanted /style, /auxiliary or "
            f"/held_out, /{PEOPLE} or /{BACKGROUNDS}, and how many or which, such as /5 or /6-20"
        )
    paths = list_pictures(find_pack(asked["name"]).part(asked["folder"] or _STREAM_FOLDERS[stream]), option)
    by_concept = people_and_backgrounds(given, paths)
    chosen = by_concept[asked["concept"]] if asked["concept"] else _in_turn(*by_concept.values())
    first, last = int(asked["first"] or 1), int(asked["last"] or len(chosen))
    if not 1 <= first <= last <= len(chosen):
        raise ConfigError(f"{option} {given!r}: there are {len(chosen)} such pictures, so name some from 1 to that")
    return sorted(chosen[first - 1 : last])


def people_and_backgrounds(given: str, paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return pictures of the pack that `given` names, divided as the pack knows them."""
    people = find_pack(given.removeprefix(PREFIX).partition("/")[0]).people
    return {
        PEOPLE: [path for path in paths if path.stem in people],
        BACKGROUNDS: [path for path in paths if path.stem not in people],
    }


def _in_turn(*parts: Sequence[Path]) -> list[Path]:
    return [path for path in chain(*zip_longest(*parts)) if path is not None]

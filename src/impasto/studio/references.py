"""From what the page names to paths: sets, styles, pictures that were drawn, bases. Nothing else is reachable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from impasto.core.config import Config
from impasto.core.errors import ConfigError
from impasto.core.paths import SAFETENSORS, as_path_text
from impasto.data.packs import PREFIX
from impasto.models.source import POCKET
from impasto.studio.concepts import concepts_csv
from impasto.studio.gone import Gone
from impasto.studio.sets import folder_of, picture_in
from impasto.studio.workspace import Workspace, is_plain

SET, JOB = "set:", "job:"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_STYLE = re.compile(r"(?P<file>[^/\\@:]+\.safetensors)(?P<rest>(@[a-z]+)?(:[0-9.eE+-]+)?)")
_PLAIN_NAMES = {"", "auto", "none"}


class References:
    """What names of a page stand for.

    Args:
        workspace: Where everything is.
        base: What the server was started with, which may be anywhere.
    """

    def __init__(self, workspace: Workspace, base: str) -> None:
        self._workspace, self._base = workspace, base
        self._by_option: Mapping[str, Callable[[str], str]] = {
            "base": self.base,
            "style": self.style,
            "content": self.style,
            "attach": self.style,
            "style_images": self.pictures,
            "aux_images": self.pictures,
            "concepts_csv": self.concepts,
            "picture": self.picture,
            "reference": self.picture,
            "start": self.picture,
            "structure": self.picture,
            "mask": self.picture,
            "colour_of": self.picture,
            "negative_style": self.picture,
        }

    def resolved(self, model: type[Config], form: Mapping[str, object]) -> dict[str, object]:
        """Return the options of a form with paths for names; empty ones are left out.

        Raises:
            ConfigError: An option names a file in another way.
            DataError: There is nothing of a name.
        """
        found: dict[str, object] = {}
        for name, value in form.items():
            if value is None or value in ("", []):
                continue
            resolve = self._by_option.get(name)
            if resolve is not None:
                found[name] = [resolve(str(each)) for each in value] if isinstance(value, list) else resolve(str(value))
            elif name in model.model_fields and _names_files(model.model_fields[name]):
                found[name] = _plain(name, value)
            else:
                found[name] = value
        return found

    def base(self, name: str) -> str:
        """Return a base: pocket, the server's own, one in `bases/`, or a name on the hub."""
        if name in {POCKET, self._base}:
            return name
        placed = self._workspace.root / "bases" / name
        if is_plain(name) and placed.exists():  # links are allowed here: whoever owns the folder put them there
            return str(placed)
        if _HUB.fullmatch(name):
            return name
        raise ConfigError(f"base {name[:80]!r} is not there: put it into the folder bases, or give a name on the hub")

    def style(self, given: str) -> str:
        """Return NAME.safetensors[@ROLE][:SCALE] with the style's path."""
        parts = _STYLE.fullmatch(given)
        if parts is None:
            raise ConfigError(f"style {given[:80]!r}: write NAME{SAFETENSORS}, @ROLE and :SCALE as wanted")
        return f"{self._workspace.find('styles', parts['file'])}{parts['rest']}"

    def pictures(self, given: str) -> str:
        """Return the folder of `set:NAME`, or `pack:NAME` as it is."""
        if given.startswith(PREFIX):
            return given
        return str(folder_of(self._workspace, given.removeprefix(SET)))

    def concepts(self, given: str) -> str:
        """Return the CSV that says what each picture of `set:NAME` shows."""
        return str(concepts_csv(self._workspace, given.removeprefix(SET)))

    def picture(self, given: str) -> str:
        """Return the file of `set:NAME/FILE`, `pack:NAME/PART/FILE` or `job:NAME/FILE`."""
        if given == "auto":
            return given
        place, _, name = given.rpartition("/")
        if given.startswith(JOB):
            found = self._workspace.find("jobs", place.removeprefix(JOB), "pictures", name)
            if found.suffix != ".png":
                raise Gone("this picture is no longer there")
            return str(found)
        return str(picture_in(self._workspace, place.removeprefix(SET), name))


def _names_files(field: FieldInfo) -> bool:
    kinds = {field.annotation, *get_args(field.annotation)}
    notes = [*field.metadata, *(note for kind in kinds for note in getattr(kind, "__metadata__", ()))]
    return Path in kinds or any(isinstance(note, AfterValidator) and note.func is as_path_text for note in notes)


def _plain(name: str, value: object) -> object:
    if str(value) in _PLAIN_NAMES or _HUB.fullmatch(str(value)):
        return value
    raise ConfigError(f"{name}: the studio takes no paths; use the command line for that")

"""A folder for the length of one call: what is in memory goes there as files, what is drawn is read from there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TypeAlias

from PIL import Image

from impasto.core.events import Event, Generated
from impasto.style.file import RoleOfStyle, Style, save_style
from impasto.style.references import NamedStyle, load_styles, parse_style

Picture: TypeAlias = str | Path | Image.Image
"""A picture, or its file."""
Styling: TypeAlias = Style | RoleOfStyle | str | Path
"""A style, a role of one (`style.content`), or a style file as the command line names it."""


class Desk:
    """Use as a context manager: the folder is gone afterwards.

    Attributes:
        out: Where pictures are drawn.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="impasto-")
        self.out = Path(self._folder.name) / "out"
        self._count = 0

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def file(self, picture: Picture) -> Path:
        """Return the picture's file; one in memory is written, without loss."""
        if not isinstance(picture, Image.Image):
            return Path(picture)
        path = self._new("given.png")
        picture.save(path)
        return path

    def as_file(self, value: object) -> object:
        """Return a picture in memory, alone or in a tuple, as its file; anything else as it is."""
        if isinstance(value, tuple):
            return tuple(self.as_file(each) for each in value)
        return self.file(value) if isinstance(value, Image.Image) else value

    def style(self, given: Styling | tuple[Styling, float]) -> str:
        """Return a style as the command line names it, FILE@ROLE:SCALE; a scale multiplies that of `FILE:SCALE`."""
        styling, scale = given if isinstance(given, tuple) else (given, 1.0)
        if isinstance(styling, str | Path):
            path, role, own = parse_style(str(styling))
            return _as_named(path, role, own * scale)
        whole, role = (styling.style, styling.role) if isinstance(styling, RoleOfStyle) else (styling, None)
        path = self._new("style.safetensors")
        save_style(path, whole)
        return _as_named(path, role, scale)

    def _new(self, name: str) -> Path:
        self._count += 1
        return Path(self._folder.name) / f"{self._count}-{name}"

    def read(self, path: Path) -> Image.Image:
        """Return a picture that was drawn."""
        with Image.open(path) as opened:
            opened.load()
            return opened

    def collect(self, events: Iterable[Event]) -> list[Image.Image]:
        """Return all pictures that are drawn, in order."""
        return [self.read(event.path) for event in events if isinstance(event, Generated)]


def _as_named(path: Path, role: str | None, scale: float) -> str:
    return f"{path}{'' if role is None else f'@{role}'}:{float(scale)!r}"


def named_style(given: Styling, scale: float) -> NamedStyle:
    """Return a style with its scale; that of `FILE:SCALE` is multiplied by it."""
    if isinstance(given, str | Path):
        (named,) = load_styles([str(given)])
        return replace(named, scale=named.scale * scale)
    whole, role = (given.style, given.role) if isinstance(given, RoleOfStyle) else (given, None)
    return NamedStyle(Path(whole.card.style_words or whole.card.method), scale, whole, role)

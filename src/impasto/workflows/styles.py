"""Styles as the user names them: `FILE` or `FILE:SCALE`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.style.file import Style, load_style


@dataclass(frozen=True, slots=True)
class NamedStyle:
    """A loaded style, its strength and where it came from."""

    path: Path
    scale: float
    style: Style

    def identity(self) -> dict[str, str | float]:
        """Return what a picture's sidecar remembers of the style."""
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"file": self.path.name, "sha256": digest, "scale": self.scale, "method": self.style.card.method}


def parse_style(given: str) -> tuple[Path, float]:
    """Return path and scale of "FILE" or "FILE:SCALE"; a colon that is part of the path is left alone."""
    path, colon, scale = given.rpartition(":")
    if not colon or Path(given).exists():
        return Path(given), 1.0
    try:
        number = float(scale)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--style {given}: {scale!r} is no number; write FILE or FILE:SCALE, e.g. {path}:0.8")
    return Path(path), number


def load_styles(given: Sequence[str]) -> list[NamedStyle]:
    """Return the styles in the order given."""
    return [NamedStyle(path, scale, load_style(path)) for path, scale in map(parse_style, given)]


def with_style_words(prompt: str, styles: Sequence[NamedStyle]) -> str:
    """Return the prompt with the words of each attached style at its end, where they are not in it already."""
    for named in styles:
        words = named.style.card.style_words
        if named.scale != 0 and words not in prompt:
            prompt = f"{prompt}, {words}"
    return prompt

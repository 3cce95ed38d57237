"""Prompts from a file, a line each or as JSON lines with seeds and styles; choices in a prompt, "a {fox|owl}"."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import torch
from pydantic import Field

from impasto.core.config import Config, validated
from impasto.core.errors import ConfigError, DataError
from impasto.core.files import reason_of
from impasto.core.paths import FileOrName
from impasto.core.rng import generator

_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_JSON_LINES = ".jsonl"
_Seed: TypeAlias = Annotated[int, Field(ge=0, le=2**63 - 1)]


class _Line(Config):
    """A line of a .jsonl file."""

    prompt: str = Field(min_length=1)
    """What to draw."""
    seed: _Seed | tuple[_Seed, ...] | None = None
    """One seed or several; by default those of the command."""
    style: FileOrName | tuple[FileOrName, ...] | None = None
    """Styles in place of those of the command; an empty list draws without any."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A prompt with what it asks for itself.

    Attributes:
        prompt: Before choices are made.
        seeds: Of its pictures.
        styles: As the user names them.
    """

    prompt: str
    seeds: tuple[int, ...]
    styles: tuple[str, ...]


def read_prompts(path: Path, seeds: tuple[int, ...], styles: tuple[str, ...]) -> list[AskedFor]:
    """Return the prompts of a file; blank lines, and lines of a text that begin with "#", are left out.

    Args:
        path: A text, or JSON lines where it ends in .jsonl.
        seeds: Of lines that name none.
        styles: Of lines that name none.

    Raises:
        DataError: The file cannot be read, or holds no prompt.
        ConfigError: A line of JSON is none, or names what is unknown.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"--prompts {path} is not UTF-8 text: save it again as UTF-8") from error
    except OSError as error:
        raise DataError(f"--prompts {path} cannot be read: {reason_of(error).lower()}") from error
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if path.suffix.lower() == _JSON_LINES:
        found = [_of_json(line, f"--prompts {path} line {number}", seeds, styles) for number, line in filled]
    else:
        found = [AskedFor(line, seeds, styles) for _, line in filled if not line.startswith("#")]
    if not found:
        raise DataError(f"--prompts {path} holds no prompt: write one a line")
    return found


def _of_json(line: str, where: str, seeds: tuple[int, ...], styles: tuple[str, ...]) -> AskedFor:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'{where} is not JSON: write {{"prompt": "a fox", "seed": 3}}') from error
    if not isinstance(row, dict):
        raise ConfigError(f'{where} is no table: write {{"prompt": "a fox", "seed": 3}}')
    read = validated(_Line, row, source=where)
    own_seeds = (read.seed,) if isinstance(read.seed, int) else read.seed
    own_styles = (read.style,) if isinstance(read.style, str) else read.style
    return AskedFor(read.prompt, own_seeds or seeds, styles if own_styles is None else own_styles)


def with_choices_made(prompt: str, seed: int) -> str:
    """Return a prompt with one of each "{fox|owl}", drawn by the seed of the picture: the same seed, the same words."""
    rng = generator(seed)

    def choose(found: re.Match[str]) -> str:
        choices = found[1].split("|")
        return choices[int(torch.randint(len(choices), (1,), generator=rng))].strip()

    return _CHOICE.sub(choose, prompt)

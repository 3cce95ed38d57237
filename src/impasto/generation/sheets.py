"""Labelled sheets of what was drawn: by prompt and seed, or by two settings (`--xy`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image

from impasto.core.errors import ConfigError
from impasto.core.events import Generated
from impasto.core.files import is_file
from impasto.reporting.grids import labelled_table

AXES = ("scale", "seed", "steps", "guidance")
_WHOLE = ("seed", "steps")
_MOST = 200
"""Pictures of a grid at most."""


def contact_sheet(drawn: Sequence[Generated]) -> Image.Image:
    """Return all pictures: a row for each prompt, as long as it has seeds, each under its seed."""
    rows: dict[str, list[Generated]] = {}
    for each in drawn:
        rows.setdefault(each.prompt, []).append(each)
    longest = max(map(len, rows.values()))
    seeds = [sorted({row[place].seed for row in rows.values() if place < len(row)}) for place in range(longest)]
    names = [f"seed {found[0]}" if len(found) == 1 else "" for found in seeds]
    opened = [(prompt, [_opened(each.path) for each in row]) for prompt, row in rows.items()]
    blank = Image.new("RGB", opened[0][1][0].size, "white")
    return labelled_table(names, [(prompt, [*row, *[blank] * (longest - len(row))]) for prompt, row in opened])


def sheet_path(folder: Path) -> Path:
    """Return the first of sheet-0000.png, sheet-0001.png, ... in a folder that is not taken."""
    number = 0
    while is_file(folder / f"sheet-{number:04d}.png"):
        number += 1
    return folder / f"sheet-{number:04d}.png"


def read_axes(given: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """Return the values of one or two settings, by name; the first goes across.

    Args:
        given: Such as "scale=0.4,0.8 seed=1,2".

    Raises:
        ConfigError: A setting is unknown, named twice or has a value that is no number; or there are too many.
    """
    axes: dict[str, tuple[float, ...]] = {}
    for part in " ".join(given).split():
        name, equals, values = part.partition("=")
        if name not in AXES or not equals:
            raise ConfigError(f"--xy {part!r}: write NAME=VALUE,VALUE with one of {', '.join(AXES)}")
        if name in axes:
            raise ConfigError(f"--xy names {name} twice: give each once")
        axes[name] = tuple(_number(name, value) for value in values.split(","))
    if not 1 <= len(axes) <= 2:
        raise ConfigError(f'--xy takes one or two settings, {len(axes)} are named: e.g. "scale=0.4,0.8 seed=1,2"')
    count = math.prod(map(len, axes.values()))
    if count > _MOST:
        raise ConfigError(f"--xy makes {count} pictures, at most {_MOST} are drawn: leave out some values")
    return axes


def _number(name: str, value: str) -> float:
    """Return a value; seeds and steps as an `int`, since large ones are no floats."""
    if name in _WHOLE:
        with suppress(ValueError):
            return int(value)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (name in _WHOLE and not number.is_integer()):
        kind = "a whole number" if name in _WHOLE else "a number"
        raise ConfigError(f"--xy {name} = {value!r} is not {kind}: write for example {name}=1,2")
    return int(number) if name in _WHOLE else number


def spelled(value: float) -> str:
    """Return a value as labels show it: whole numbers with all of their digits."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def grid(axes: Mapping[str, Sequence[float]], pictures: Mapping[tuple[float, ...], Path]) -> Image.Image:
    """Return one labelled picture: the first setting across, the second, if there is one, down.

    Args:
        axes: See `read_axes`.
        pictures: By the values of the settings, in their order.
    """
    (across, values), *more = axes.items()
    names = [f"{across} {spelled(value)}" for value in values]
    if not more:
        return labelled_table(names, [("", [_opened(pictures[value,]) for value in values])])
    ((down, others),) = more
    rows = [(f"{down} {spelled(other)}", [_opened(pictures[value, other]) for value in values]) for other in others]
    return labelled_table(names, rows)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")

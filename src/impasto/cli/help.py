"""What `impasto COMMAND --help` prints: the options that people use first, by group; `--help-all` prints all."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from impasto.core.config import Config
from impasto.core.option_groups import Group, InHelp, noted_in

SHORT = "--help"
ALL = "--help-all"
_FEW = 15
"""Commands with so many options at most show them all at once."""
_INDENT = 6
_VALUES: Mapping[object, str] = {int: "INT", float: "FLOAT", bool: "{True,False}", Path: "PATH"}


def help_of(
    model: type[Config], values: Mapping[str, object], *, command: str, about: str, rest: Group, in_full: bool
) -> str:
    """Return the help of a command.

    Args:
        model: The class that holds the options.
        values: What a recipe or a file says of them, in place of the defaults.
        command: As it is called, e.g. "train styleforge".
        about: One paragraph.
        rest: The group of options that name none, those of plug-ins.
        in_full: Whether to list all options, or those that people use first where there are many.
    """
    fields = model.model_fields
    places = {name: noted_in(model, name) or InHelp(rest, False) for name in fields}
    shown = [
        name
        for name, field in fields.items()
        if in_full or len(fields) <= _FEW or places[name].is_first or field.is_required()
    ]
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    lines = [f"usage: impasto {command} [options]", "", *textwrap.wrap(" ".join(about.split()), width)]
    for group in Group:
        names = sorted(
            (name for name in shown if places[name].group is group), key=lambda name: not fields[name].is_required()
        )
        if names:
            lines += ["", f"{group}:"]
        for name in names:
            lines += _entry(name, fields[name], values.get(name, fields[name].get_default()), width)
    hidden = len(fields) - len(shown)
    more = f"{ALL} lists {hidden} more options. " if hidden else ""
    return "\n".join([*lines, "", f"{more}--config FILE.toml reads options from a file; flags win over it."])


def _entry(name: str, field: FieldInfo, value: object, width: int) -> Iterator[str]:
    yield f"  {_called(name, field)}"
    said = " ".join((field.description or "").split())
    default = _default(field, value)
    indent = " " * _INDENT
    yield from textwrap.wrap(f"{said} {default}".strip(), width, initial_indent=indent, subsequent_indent=indent)


def _called(name: str, field: FieldInfo) -> str:
    if any("Positional" in repr(each) for each in field.metadata):
        return name.upper().replace("_", "-")
    flag = name.replace("_", "-")
    return f"--{flag}, --no-{flag}" if field.annotation is bool else f"--{flag} {_value_of(field.annotation)}"


def _value_of(annotation: object) -> str:
    """Return what stands for a value of a type, e.g. INT."""
    inner = [each for each in get_args(annotation) if each not in {type(None), Ellipsis}]
    origin = get_origin(annotation)
    if origin is Literal:
        return "{" + ",".join(map(str, inner)) + "}"
    if origin is tuple:
        return " ".join(map(_value_of, inner))
    if origin in {Union, UnionType}:
        return "|".join(dict.fromkeys(map(_value_of, inner)))
    if hasattr(annotation, "__metadata__"):
        return _value_of(inner[0])
    return _VALUES.get(annotation, "TEXT")


def _default(field: FieldInfo, value: object) -> str:
    if value is PydanticUndefined or (value is None and field.is_required()):
        return "(required)"
    if value in (None, "", ()):
        return ""
    shown = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return f"(default: {shown})"

"""Forms made from option models: names, help, ranges and defaults are those of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from impasto.core.config import Config
from impasto.core.option_groups import Group, noted_in

_KINDS: Mapping[object, str] = {bool: "bool", int: "int", float: "float", str: "text", Path: "path"}


def form_of(model: type[Config], defaults: Mapping[str, object], *, rest: Group, hidden: set[str]) -> list[object]:
    """Return the fields of a form, in the order of the model.

    Args:
        model: The options.
        defaults: What a recipe says in place of the model's own.
        rest: The group of options that name none, those of plug-ins.
        hidden: Options that the page asks for in another way.
    """
    return [
        _field(model, name, field, defaults, rest) for name, field in model.model_fields.items() if name not in hidden
    ]


def _field(
    model: type[Config], name: str, field: FieldInfo, defaults: Mapping[str, object], rest: Group
) -> dict[str, object]:
    place = noted_in(model, name)
    stated = defaults.get(name, None if field.default is PydanticUndefined else field.get_default())
    kind, choices = _kind_of(field.annotation)
    return {
        "name": name,
        "flag": f"--{name.replace('_', '-')}",
        "help": " ".join((field.description or "").split()),
        "kind": kind,
        "choices": choices,
        "group": (place.group if place else rest).value,
        "first": place.is_first if place else False,
        "default": _plain(stated),
        "optional": type(None) in get_args(field.annotation),
        **_range_of(field),
    }


def _kind_of(annotation: object) -> tuple[str, list[object]]:
    """Return how a value is entered, and what can be chosen."""
    if get_origin(annotation) in {Union, UnionType}:
        inner = [each for each in get_args(annotation) if each is not type(None)]
        return _kind_of(inner[0]) if len(inner) == 1 else ("text", [])
    if get_origin(annotation) is Literal:
        return "choice", list(get_args(annotation))
    if get_origin(annotation) is tuple:
        return ("lines" if get_args(annotation)[-1:] == (Ellipsis,) else "numbers"), []
    return _KINDS.get(annotation, "text"), []


def _range_of(field: FieldInfo) -> dict[str, float]:
    """Return "min" and "max", and "above" and "below" where the end itself is not allowed."""
    found: dict[str, float] = {}
    for note in field.metadata:
        match note:
            case Ge(ge):
                found["min"] = _number(ge)
            case Gt(gt):
                found["above"] = _number(gt)
            case Le(le):
                found["max"] = _number(le)
            case Lt(lt):
                found["below"] = _number(lt)
    return found


def _number(value: object) -> float:
    return float(str(value)) if not isinstance(value, int) else value


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)

"""The option models of all commands, as the commands themselves put them together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin
from unittest.mock import patch

from pydantic.fields import FieldInfo

from impasto.cli import arguments
from impasto.cli.main import COMMANDS, command_names, plugin_of
from impasto.core.config import Config
from impasto.core.paths import is_folder_option
from impasto.core.plugins import load_module, plugin_names

STAND_INS: dict[str, object] = {"out": "x.safetensors", "format": "diffusers"}


class _Captured(Exception):
    """Carries a model out of a command."""


def heads() -> Iterator[tuple[str, ...]]:
    """Yield what begins the command line of every command: train has a model a method, transfer one a control."""
    for command in command_names():
        if command == "train":
            yield from (("train", name.replace("_", "-")) for name in plugin_names("impasto.methods"))
        elif command == "transfer":
            yield from (("transfer", "--control", name) for name in (*plugin_names("impasto.controls"), "plain"))
        else:
            yield (command,)


@cache
def model_of(head: tuple[str, ...]) -> type[Config]:
    """Return the model that a command parses its options into."""

    def capture(model: type[Config], *_: object, **__: object) -> None:
        raise _Captured(model)

    module = load_module(COMMANDS, plugin_of(head[0]))
    try:
        with patch.object(module, arguments.parse.__name__, capture):
            module.run(list(head[1:]))
    except _Captured as captured:
        return captured.args[0]
    raise AssertionError(f"{head} parses no options")


def kinds_of(annotation: Any) -> set[type]:
    """Return the plain types in an annotation, whatever it is wrapped in."""
    if get_origin(annotation) in {tuple, Union, UnionType} or hasattr(annotation, "__metadata__"):
        inner = [each for each in get_args(annotation) if each is not Ellipsis]
        inner = inner[:1] if hasattr(annotation, "__metadata__") else inner
        return set().union(*map(kinds_of, inner))
    return {annotation} if isinstance(annotation, type) else set()


def is_list(field: FieldInfo) -> bool:
    """Return whether an option may be repeated."""
    return get_args(field.annotation)[-1:] == (Ellipsis,)


def required_values(model: type[Config]) -> dict[str, object]:
    """Return values for the options that have no default."""
    required = {name: field for name, field in model.model_fields.items() if field.is_required()}
    found = {name: ("x",) if is_list(field) else STAND_INS.get(name, "x") for name, field in required.items()}
    return found | ({"out": "x"} if "out" in found and is_folder_option(model.model_fields["out"].metadata) else {})


def is_positional(field: FieldInfo) -> bool:
    """Return whether an option stands without its name."""
    return any("Positional" in repr(each) for each in field.metadata)

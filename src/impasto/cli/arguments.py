"""From command line and TOML files to a validated options model.

Later sources win: the model's defaults, a shipped recipe, `--config FILE`, flags.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import tyro
from pydantic import ValidationError

from impasto.core.config import Config, describe, read_toml, validated
from impasto.core.errors import ConfigError

Model = TypeVar("Model", bound=Config)


def peek(arguments: Sequence[str], flag: str) -> str | None:
    """Return the value of `flag` in raw arguments ("--flag VALUE" or "--flag=VALUE"), or None."""
    for index, argument in enumerate(arguments):
        if argument == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return None


def without(arguments: Sequence[str], flag: str) -> list[str]:
    """Return the arguments without `flag` and its value."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == flag:
            skip = True
        elif not argument.startswith(f"{flag}="):
            kept.append(argument)
    return kept


def parse(
    model: type[Model],
    arguments: Sequence[str],
    *,
    command: str,
    description: str,
    recipe: Mapping[str, object] | None = None,
) -> Model:
    """Return the options of a command.

    Args:
        model: The options model.
        arguments: Everything after the command.
        command: For messages and help, e.g. "generate".
        description: Shown at the top of the help.
        recipe: Settings below `--config` and flags.

    Raises:
        ConfigError: A TOML file has an unknown name or a wrong value, or a flag has a wrong value.
    """
    config_file = peek(arguments, "--config")
    if config_file is None and "--config" in arguments:
        raise ConfigError("--config needs a TOML file after it")
    values = dict(recipe or {})
    if config_file is not None:
        read = read_toml(Path(config_file))
        _check_names(model, read, config_file)
        values |= read
    default = _partial(model, values, config_file or "recipe") if values else None
    flags = without(arguments, "--config")
    extra = "--config FILE.toml reads options from a file; flags win over it."
    try:
        parsed = tyro.cli(
            model,
            prog=f"impasto {command}",
            description=f"{description}\n\n{extra}",
            args=flags,
            default=default,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.UseAppendAction),
        )
        return cast(Model, parsed)
    except ValidationError as error:
        raise ConfigError(describe(error, model, f"impasto {command}")) from error
    except SystemExit as exit_request:
        sys.stdout.flush()
        raise exit_request from None


def _check_names(model: type[Config], values: Mapping[str, object], source: str) -> None:
    unknown = sorted(set(values) - set(model.model_fields))
    if unknown:
        raise ConfigError(f"{source}: unknown option {unknown[0]!r}; known: {', '.join(sorted(model.model_fields))}")


def _partial(model: type[Model], values: Mapping[str, object], source: str) -> Model:
    """Return a model with `values`, checked, and tyro's mark for required fields that are still missing."""
    required = [name for name, field in model.model_fields.items() if field.is_required() and name not in values]
    stand_ins = {name: _stand_in(name) for name in required}
    checked = validated(model, {**stand_ins, **values}, source=source)
    fields = {name: getattr(checked, name) for name in model.model_fields}
    partial = model.model_construct(**(fields | dict.fromkeys(required, tyro.MISSING)))
    return cast(Model, partial)


def _stand_in(name: str) -> object:
    return {"prompt": ("",), "out": "x.safetensors"}.get(name, name)

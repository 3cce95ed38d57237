"""Options: frozen pydantic models that refuse unknown names, read from TOML, errors told in one line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import ErrorDetails

from impasto.core.errors import ConfigError
from impasto.core.paths import as_path_text, with_home


class Config(BaseModel):
    """Base of all option models: immutable, no unknown names, no infinite numbers, defaults validated too.

    Of fields that are a `Path`, "~" is the home folder; texts that name files are of type `FileOrName`.

    Attributes:
        tables: Tables that fields may stand in in a TOML file; each may stand outside of any too.
    """

    tables: ClassVar[Mapping[str, type[Config]]] = {}

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @field_validator("*", mode="after")
    @classmethod
    def _home_in_paths(cls, given: object) -> object:
        if isinstance(given, Path):
            return Path(as_path_text(str(given)))
        return tuple(map(cls._home_in_paths, given)) if type(given) is tuple else given


Model = TypeVar("Model", bound=Config)


def read_toml(path: Path) -> dict[str, object]:
    """Return the contents of a TOML file; raises `ConfigError` that names the file."""
    try:
        return tomllib.loads(Path(with_home(str(path))).read_text("utf-8-sig"))  # Windows editors begin files so
    except FileNotFoundError as error:
        raise ConfigError(f"config file {path} does not exist") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"config file {path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"config file {path} cannot be read: {(error.strerror or str(error)).lower()}") from error


def validated(model: type[Model], values: Mapping[str, object], *, source: str) -> Model:
    """Return `values` as `model`.

    Raises:
        ConfigError: One line that names `source`, the field, its value and what is allowed.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(describe(error, model, source)) from error


def describe(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """Return the first problem of `error` as one line."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{source}: unknown option {field!r}; known: {', '.join(sorted(model.model_fields))}"
    if first["type"] == "missing":
        *names, last = first["loc"]
        if isinstance(last, int):
            return f"{source}: {'.'.join(map(str, names))}: give at least {last + 1} values, not {last}"
        return f"{source}: option {field!r} is missing"
    if not first["loc"]:
        return f"{source}: {first['msg'].removeprefix('Value error, ')}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    given = _as_typed(first["input"])
    problem = _problem(first)
    return f"{source}: {field} = {given!r}: {problem[:1].lower()}{problem[1:]}{more}"


def _problem(error: ErrorDetails) -> str:
    """Return what is wrong in words that need no Python: options of several values are tuples to pydantic."""
    told = error.get("ctx", {})
    match error["type"]:
        case "too_short":
            return "give it at least once"
        case "tuple_type":
            return f"write a list in brackets, such as [{json.dumps(error['input'], default=str)}]"
        case "too_long":
            return f"give at most {told['max_length']} values, not {told['actual_length']}"
    return error["msg"].removeprefix("Value error, ")


def _as_typed(given: object) -> object:
    """Return a value as the user typed it, not as Python writes it."""
    if isinstance(given, tuple | list):
        return " ".join(map(str, given))
    return str(given) if isinstance(given, Path) else given

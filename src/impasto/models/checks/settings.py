"""Whether the settings of a part are of the kind that its class expects."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence

from impasto.core.errors import ConfigError

_NUMBER = "a finite number"


def check_settings(kind: type, config: Mapping[str, object], what: str, name: str) -> None:
    """Compare each setting with the class's default: a number stays a number, a switch a switch, words words.

    Args:
        kind: Class of the denoiser, autoencoder or scheduler.
        config: What its file says.
        what: Its name in the pipeline.
        name: What messages call the base.

    Raises:
        ConfigError: One is of another kind; libraries would stumble over it later, or compute something else.
    """
    for key, parameter in inspect.signature(kind).parameters.items():
        if key not in config or parameter.default is inspect.Parameter.empty:
            continue
        wanted, value = _wanted(parameter), config[key]
        may_be_none = parameter.default is None or "None" in str(parameter.annotation) or value is not None
        if wanted is None or (value is None and may_be_none):
            continue
        values = [*value] if isinstance(value, (list, tuple)) else [value]
        if not may_be_none or not values or any(_kind(each) != wanted for each in _flat(values)):
            raise ConfigError(f"base {name}: {what} says {key} = {value!r}: needs {wanted}; mend its configuration")


def _wanted(parameter: inspect.Parameter) -> str | None:
    """Return the kind of a setting in words: that of its default, or what is annotated where that is None."""
    if parameter.default is None:
        annotated = str(parameter.annotation)
        return _NUMBER if ("int" in annotated or "float" in annotated) and "str" not in annotated else None
    return _kind(parameter.default)


def _flat(values: Sequence[object]) -> list[object]:
    return [each for value in values for each in (value if isinstance(value, (list, tuple)) else (value,))]


def _kind(value: object) -> str | None:
    """Return the kind of a value in words, or None for one that says nothing."""
    if isinstance(value, (list, tuple)):
        kinds = {_kind(each) for each in value}
        return kinds.pop() if len(kinds) == 1 else None
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return _NUMBER if not math.isnan(value) else "something else than nan"
    return "a word" if isinstance(value, str) else None if value is None else "something else"

"""Options in tables, `[data]` and the like in a TOML file, and the same options flat, as flags."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from impasto.core.config import Config
from impasto.core.errors import ConfigError, PluginError


def flattened(values: Mapping[str, object], tables: Mapping[str, type[Config]], source: str) -> dict[str, object]:
    """Return options by name, whether they stood in their table or outside of any.

    Args:
        values: What a TOML file holds.
        tables: The class of options that each table is read into.
        source: Name of the file, for messages.

    Raises:
        ConfigError: A table, or an option in one, is unknown, or an option is given twice.
    """
    found: dict[str, object] = {}
    for key, value in values.items():
        inside = _inside(key, value, tables, source) if isinstance(value, dict) else {key: value}
        twice = sorted(set(found) & set(inside))
        if twice:
            raise ConfigError(f"{source}: option {twice[0]!r} is given twice: leave one out")
        found |= inside
    return found


def _inside(
    table: str, values: Mapping[str, object], tables: Mapping[str, type[Config]], source: str
) -> dict[str, object]:
    if table not in tables:
        raise ConfigError(f"{source}: unknown table [{table}]: {_hint(table, tables)}")
    known = tables[table].model_fields
    for name in values:
        if name not in known:
            homes = [other for other, model in tables.items() if name in model.model_fields]
            hint = f"it belongs in [{homes[0]}]" if homes else f"known: {', '.join(sorted(known))}"
            raise ConfigError(f"{source}: unknown option {name!r} in [{table}]; {hint}")
    return dict(values)


def _hint(table: str, tables: Mapping[str, type[Config]]) -> str:
    if not tables:
        return "the options of this command stand in no table"
    similar = get_close_matches(table, tables, n=1)
    asked = f"did you mean [{similar[0]}]? " if similar else ""
    return f"{asked}choose one of {', '.join(f'[{each}]' for each in tables)}, or give options without a table"


def refuse_clashes(tables: Mapping[str, type[Config]], owner: str = "options") -> None:
    """Raise `PluginError` if an option is in two tables: as flags they would be one.

    Args:
        tables: The class of options that each table is read into.
        owner: Whose the last table is, for the message.
    """
    home: dict[str, str] = {}
    for table, model in tables.items():
        for name in model.model_fields:
            if name in home:
                raise PluginError(f"{owner}: option {name!r} is one of [{home[name]}] already: give it another name")
            home[name] = table

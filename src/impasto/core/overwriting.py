"""One rule for files that exist: they are replaced with --overwrite alone, and no command asks or guesses."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.core.files import is_file


def refuse_existing(target: Path, option: str, *, overwrite: bool) -> None:
    """Raise `ConfigError` if there is a file where one is to be written, unless it may be replaced.

    Args:
        target: What will be written.
        option: The option that named it, as the user knows it.
        overwrite: Whether the user said so.
    """
    if is_file(target) and not overwrite:
        raise ConfigError(
            f"{option} {target} exists: --overwrite replaces it, or choose another name, for example "
            f"{free_name(target).name}"
        )


def free_name(target: Path) -> Path:
    """Return the first of NAME-2, NAME-3, ... that is not taken."""
    return next(path for number in count(2) if not is_file(path := target.with_stem(f"{target.stem}-{number}")))

"""Writing files so that nothing that existed is lost: stage beside the target, then one rename."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError

_TOLD_BY_SAFETENSORS = re.compile(r"I/O error: (.+?) \(os error \d+\)")


_LONGEST_STAGED = 100
"""Bytes of a name that its staged file takes over."""


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`; when the block ends well, it becomes `target` by one rename.

    When the block fails, the staged file is removed and `target` is as it was.

    Raises:
        ResourceError: The disk is full or read-only.
    """
    staging = target.with_name(f"{_staging_prefix(target)}{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield staging
        with staging.open("rb") as written:
            os.fsync(written.fileno())
        staging.replace(target)
    except OSError as error:
        raise not_written(target, reason_of(error)) from error
    except Exception as error:
        found = _TOLD_BY_SAFETENSORS.search(str(error))  # it reports the system's errors as a class of its own
        if found is None:
            raise
        raise not_written(target, found[1]) from error
    finally:
        with suppress(OSError):
            staging.unlink(missing_ok=True)


def _staging_prefix(target: Path) -> str:
    """Return what names of files staged for `target` begin with, short enough for any disk."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_STAGED:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f".{name}."


def clear_staged(target: Path) -> None:
    """Remove what killed processes left half-written beside `target`; only for whoever alone writes it."""
    prefix, suffix = _staging_prefix(target), ".part"
    for path in target.parent.glob(".*.part"):
        process = path.name.removeprefix(prefix).removesuffix(suffix)
        if path.name.startswith(prefix) and process.isdigit() and path.is_file():
            with suppress(OSError):
                path.unlink()


def is_file(path: Path) -> bool:
    """Return whether there is a file; a name that the system refuses, for its length for instance, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; see `is_file`."""
    try:
        return path.is_dir()
    except OSError:
        return False


def reason_of(error: Exception) -> str:
    """Return in a few words what the system, or safetensors on its behalf, complained about."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    found = _TOLD_BY_SAFETENSORS.search(str(error))
    return found[1] if found else " ".join(str(error).split())[:200] or type(error).__name__


def not_written(target: Path, reason: str) -> ResourceError:
    """Return the error for a file or folder that could not be written."""
    if "no space left" in reason.lower():
        reason = "no space left on the disk, free some and repeat"
    return ResourceError(f"cannot write {target}: {reason[:1].lower()}{reason[1:]}; what was there before is untouched")


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` outlast a power cut, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def json_rows(lines: Iterable[str | bytes]) -> Iterator[Mapping[str, object]]:
    """Yield the JSON objects of a log; lines that a killed process left half-written are passed over."""
    for line in lines:
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield row


def write_text(target: Path, text: str) -> None:
    """Replace `target` by `text` in UTF-8, staged."""
    with staged(target) as path:
        path.write_text(text, "utf-8")


def refuse_folder(target: Path, option: str) -> None:
    """Raise `ConfigError` if `target`, the value of `option`, is a folder where a file is wanted."""
    if is_folder(target):
        raise ConfigError(f"{option} {target} is a folder: name a file, for example {target / 'style.safetensors'}")


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

"""Writing files so that nothing that existed is lost: stage beside the target, then one rename."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError

_TOLD_BY_SAFETENSORS = re.compile(r"I/O error: (.+?) \(os error \d+\)")


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`; when the block ends well, it becomes `target` by one rename.

    When the block fails, the staged file is removed and `target` is as it was.

    Raises:
        ResourceError: The disk is full or read-only.
    """
    staging = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield staging
        with staging.open("rb") as written:
            os.fsync(written.fileno())
        staging.replace(target)
    except OSError as error:
        raise _not_written(target, error.strerror or str(error)) from error
    except Exception as error:
        told = _TOLD_BY_SAFETENSORS.search(str(error))  # it reports the system's errors as a class of its own
        if told is None:
            raise
        raise _not_written(target, told[1]) from error
    finally:
        with suppress(OSError):
            staging.unlink(missing_ok=True)


def _not_written(target: Path, reason: str) -> ResourceError:
    if "no space left" in reason.lower():
        reason = "no space left on the disk, free some and repeat"
    return ResourceError(f"cannot write {target}: {reason[:1].lower()}{reason[1:]}; what was there before is untouched")


def write_text(target: Path, text: str) -> None:
    """Replace `target` by `text` in UTF-8, staged."""
    with staged(target) as path:
        path.write_text(text, "utf-8")


def refuse_folder(target: Path, option: str) -> None:
    """Raise `ConfigError` if `target`, the value of `option`, is a folder where a file is wanted."""
    if target.is_dir():
        raise ConfigError(f"{option} {target} is a folder: name a file, for example {target / 'style.safetensors'}")

"""Writing files so that nothing that existed is lost: stage beside the target, then one rename."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError


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
        raise ResourceError(f"cannot write {target}: {_reason(error)}; what was there before is untouched") from error
    except Exception as error:
        if "No space left" in str(error):  # safetensors reports a full disk as its own error class
            raise ResourceError(f"cannot write {target}: no space left on the disk; free some and repeat") from error
        raise
    finally:
        staging.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "no space left on the disk"
    return (error.strerror or str(error)).lower()


def write_text(target: Path, text: str) -> None:
    """Replace `target` by `text` in UTF-8, staged."""
    with staged(target) as path:
        path.write_text(text, "utf-8")


def refuse_folder(target: Path, option: str) -> None:
    """Raise `ConfigError` if `target`, the value of `option`, is a folder where a file is wanted."""
    if target.is_dir():
        raise ConfigError(f"{option} {target} is a folder: name a file, for example {target / 'style.safetensors'}")

"""One run in a folder at a time: a lock file that the system frees when its process ends, however it ends.

The file says who holds it, for the message; what counts is the lock on it, so that a file left by a killed process is
no obstacle and nobody has to judge whether a process number still means the same process.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from impasto.core.errors import ResourceError, RunError

LOCK_FILE = ".lock"
_BYTE_LOCKED = 1 << 20  # on Windows a locked byte cannot be read: one far behind the text


class FolderLock:
    """The lock of a folder, held until `release` or the end of the process.

    Args:
        folder: Made where it does not exist.

    Raises:
        RunError: Another run holds it.
        ResourceError: The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _not_written(folder, error) from error
        try:
            _lock(self._file)
        except OSError as error:
            holder = _holder(self._file)
            os.close(self._file)
            raise RunError(
                f"--run-dir {folder} is in use by another run ({holder}): wait for it, or choose another folder"
            ) from error
        held = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, json.dumps(held).encode())
        except OSError as error:
            self.release()
            raise _not_written(folder, error) from error

    def release(self) -> None:
        """Let others have the folder; the file stays, for removing it would free a lock that another just took."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_locked(folder: Path) -> bool:
    """Return whether a process holds the lock of a folder right now."""
    try:
        file = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(file)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _not_written(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(f"cannot write {folder}: {(error.strerror or str(error)).lower()}; name another --run-dir")


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, _BYTE_LOCKED, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file: int) -> str:
    try:
        os.lseek(file, 0, os.SEEK_SET)
        held = json.loads(os.read(file, 200))
        return f"process {int(held['pid'])}, since {str(held['since'])[:19]} UTC"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has just begun"

"""The folder that the studio keeps everything in, and the only way from a name in a request to a path.

jobs/ID/       one job each, see `jobs.py`
sets/ID/       pictures that were dropped, with captions beside them
styles/        style files
bases/         checkpoints and diffusers folders that one puts there, or links to them
trash/         what was deleted, until it is undone or emptied by hand
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.files import not_written, reason_of, write_text
from impasto.studio.gone import Gone

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
_PARTS = ("jobs", "sets", "styles", "bases", "trash")
_ORIGIN = ".origin.json"


class Workspace:
    """Names to paths.

    Args:
        root: Made where it is not there.

    Raises:
        ResourceError: It cannot be written.
    """

    def __init__(self, root: Path) -> None:
        try:
            for part in _PARTS:
                (root / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(root, reason_of(error)) from error
        self.root = root.resolve()

    @property
    def jobs(self) -> Path:
        """Holds the jobs."""
        return self.root / "jobs"

    @property
    def sets(self) -> Path:
        """Holds the sets of pictures."""
        return self.root / "sets"

    @property
    def styles(self) -> Path:
        """Holds the style files."""
        return self.root / "styles"

    def find(self, *names: str) -> Path:
        """Return what is called so, below the root.

        Raises:
            DataError: There is no such thing, it is a link, or its name is no plain name.
        """
        path = self.root
        for name in names:
            if not is_plain(name):
                raise Gone("there is nothing of that name")
            path /= name
            if path.is_symlink():
                raise Gone("there is nothing of that name")
        if not path.exists():
            raise Gone(f"{names[-1]} is no longer there")
        return path

    def new_folder(self, part: str) -> Path:
        """Return a new folder whose name sorts by time."""
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:-3] + f"-{secrets.token_hex(2)}"
        folder = self.root / part / name
        try:
            folder.mkdir()
        except OSError as error:
            raise not_written(folder, reason_of(error)) from error
        return folder

    def new_style(self, wanted: str, taken: set[str]) -> Path:
        """Return a path for a style file that neither exists nor is promised to a job."""
        stem = plain_name(wanted) or "style"
        names = (f"{stem}{'' if number == 1 else f'-{number}'}.safetensors" for number in range(1, 10_000))
        name = next(each for each in names if each not in taken and not (self.styles / each).exists())
        return self.styles / name

    def discard(self, path: Path) -> str:
        """Move a file or folder to the trash; returns the name by which `restore` brings it back."""
        folder = self.new_folder("trash")
        try:
            write_text(folder / _ORIGIN, json.dumps(str(path.relative_to(self.root))))
            path.rename(folder / path.name)
        except OSError as error:
            raise not_written(path, reason_of(error)) from error
        return folder.name

    def restore(self, name: str) -> Path:
        """Bring back what was discarded; returns where it is.

        Raises:
            DataError: It is not in the trash.
            ConfigError: Something else is in its place.
        """
        folder = self.find("trash", name)
        try:
            origin: Path = self.root / json.loads((folder / _ORIGIN).read_text("utf-8"))
            kept = folder / origin.name
            if origin.exists():
                raise ConfigError(f"there is another {origin.name} now: rename that one first")
            origin.parent.mkdir(parents=True, exist_ok=True)
            kept.rename(origin)
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError) as error:
            raise ResourceError(f"it could not be brought back ({reason_of(error)})") from error
        return origin

    def without_paths(self, message: str) -> str:
        """Return a message without the folders of this machine."""
        return without_paths(message, self.root)


def without_paths(message: str, root: Path) -> str:
    """Return a message with paths from the studio's folder on, and the home folder as "~"."""
    shown = message.replace(f"{root}/", "").replace(str(root), "the studio's folder")
    return shown.replace(str(Path.home()), "~")


def is_plain(name: str) -> bool:
    """Return whether a name is that of a file or folder of the studio's: no separators, nothing hidden."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def plain_name(wanted: str) -> str:
    """Return what is left of a name that somebody typed, for files: at most 60 letters, figures and hyphens."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", wanted).strip("-").lower()
    return kept[:60].strip("-")

"""A store of tensors by content: what was computed once is not computed again, by any run.

An entry's name is the digest of everything that its contents depend on, so it never has to be renewed, and runs can
share it without locks: an entry is put in place by one rename, and two runs that make the same one make equal files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from impasto.core.digest import digest_of_json, digest_of_tensors
from impasto.core.errors import ConfigError, ResourceError
from impasto.core.files import staged

_SUFFIX, _DIGEST = ".safetensors", "digest"
_MAX_BYTES = 2**30
_FORMAT = 1
_ABANDONED_SECONDS = 3600
_LOOKS = 3
"""How often an entry is looked at before it counts as damaged: others may clear it in between."""


def store_folder(given: str) -> Path | None:
    """Return where `given` ("auto", "none" or a folder) keeps its entries; None keeps nothing.

    "auto" is $IMPASTO_CACHE, or `impasto` in $XDG_CACHE_HOME, or in `.cache` in the home folder.

    Raises:
        ConfigError: It is a file.
    """
    if given == "none":
        return None
    if given != "auto":
        folder = Path(given)
    elif own := os.environ.get("IMPASTO_CACHE"):
        folder = Path(own)
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "impasto"
    if folder.is_file():
        raise ConfigError(f"--cache {folder} is a file: name a folder, or none")
    return folder


@dataclass(frozen=True, slots=True)
class Usage:
    """What entries of one kind take."""

    kind: str
    entries: int
    size: int


class TensorStore:
    """Entries by kind and key.

    Args:
        folder: Holds them, or None: then everything is made anew.

    Attributes:
        notes: What the user should know, such as a damaged entry; whoever shows them empties the list.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.notes: list[str] = []

    def get(
        self, kind: str, key: Callable[[], Mapping[str, object]], make: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Return the entry for `key`, made by `make` where there is none or it is damaged.

        Args:
            kind: For instance "latents".
            key: Returns everything that the contents depend on; not asked when nothing is kept.
            make: Returns tensors; they are kept if all of them are finite.

        A store that cannot be written is no error: the run goes on without it, with one note.
        """
        if self._folder is None:
            return make()
        digest = digest_of_json({"kind": kind, "format": _FORMAT, **key()})
        path = self._folder / kind / digest[:2] / f"{digest}{_SUFFIX}"
        found = self._read(path)
        if found is not None:
            return found
        made = make()
        if all(bool(tensor.isfinite().all()) for tensor in made.values()):
            self._write(path, made)
        return made

    def _read(self, path: Path) -> dict[str, Tensor] | None:
        """Return an entry, or None; an entry that somebody clears or makes anew at this moment is looked at again."""
        why = ""
        for _ in range(_LOOKS):
            try:
                return _contents_of(path)
            except (FileNotFoundError, NotADirectoryError):  # there is none, or somebody cleared the store
                return None
            except (OSError, SafetensorError, ValueError, RuntimeError, TypeError) as error:
                why = " ".join(str(error).split())[:80]
        self.notes.append(f"cache entry {path.parent.parent.name}/{path.name[:12]} is damaged ({why}): made anew")
        return None

    def _write(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        try:
            with staged(path) as staging:
                save_file(kept, staging, metadata={_DIGEST: digest_of_tensors(kept)})
        except ResourceError as error:
            self._folder = None
            self.notes.append(f"the cache is not used ({str(error).partition('; ')[0]}): --cache names another folder")


def _contents_of(path: Path) -> dict[str, Tensor]:
    """Return the tensors of an entry; raises what reading raises, or `ValueError` where they changed."""
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError("too large")
    with safe_open(path, framework="pt") as opened:
        found = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
        digest = (opened.metadata() or {}).get(_DIGEST)
    if digest != digest_of_tensors(found) or not all(bool(each.isfinite().all()) for each in found.values()):
        raise ValueError("its contents changed")
    return found


def usage(folder: Path) -> list[Usage]:
    """Return what the entries of each kind take."""
    found = []
    for kind in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        sizes = [path.stat().st_size for path in kind.glob(f"??/*{_SUFFIX}") if path.is_file()]
        if sizes:
            found.append(Usage(kind.name, len(sizes), sum(sizes)))
    return found


def clear(folder: Path) -> None:
    """Remove all entries, and what killed runs left half-written; nothing else in the folder is touched.

    Runs that are at work lose nothing but time: what they are writing stays, what is missing they make again.
    """
    for kind in [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []:
        for path in kind.glob(f"[0-9a-f][0-9a-f]/*{_SUFFIX}"):
            path.unlink(missing_ok=True)
        for path in kind.glob("[0-9a-f][0-9a-f]/.*.part"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

"""Checkpoints: all that a run needs to go on, in one folder that is put in place by one rename.

    checkpoints/step-000000120/state.safetensors   tensors
    checkpoints/step-000000120/checkpoint.json     everything else, and the digests of both
    checkpoints/.step-000000140.PID.part/          being written: never read, removed by whoever goes on

The one before is removed once the new one is in place, so at every moment there is a whole one. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from impasto.core.digest import digest_of_file, digest_of_json
from impasto.core.errors import RunError
from impasto.core.files import not_written, reason_of, sync_folder
from impasto.core.former_names import former_or_present

FORMAT = 1
_STATE, _FACTS = "state.safetensors", "checkpoint.json"
_NAME = re.compile(r"step-(\d{9,})")
_MAX_FACTS = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that is in place, its facts checked and its tensors not read yet.

    Attributes:
        folder: Where it is.
        step: After which step it was written.
        facts: Whatever was written with it, as JSON holds it.
        digest: SHA-256 of the file with the tensors.
    """

    folder: Path
    step: int
    facts: Mapping[str, object]
    digest: str

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors, on the CPU; raises `RunError` when a byte of them is not as it was written."""
        path = self.folder / _STATE
        try:
            if digest_of_file(path) != self.digest:
                raise _damaged(path, "its contents are not those that were written")
            with safe_open(path, framework="pt") as opened:
                return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
        except (OSError, SafetensorError) as error:
            raise _damaged(path, reason_of(error)) from error


def write_checkpoint(root: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> Path:
    """Put a checkpoint in place and remove older ones; returns its folder.

    Args:
        root: Holds the checkpoints of one run.
        step: After which step; a checkpoint of the same step is left as it is, for it holds the same.
        tensors: Anything, by name.
        facts: Anything that JSON holds.

    Raises:
        ResourceError: The disk is full or read-only; the checkpoint before is untouched.
    """
    target = root / f"step-{step:09d}"
    staging = root / f".{target.name}.{os.getpid()}.part"
    if not target.exists():
        try:
            root.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, staging / _STATE)
            _write_facts(staging, {"format": FORMAT, "step": step, "facts": dict(facts)})
            sync_folder(staging)
            staging.rename(target)
            sync_folder(root)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(staging, ignore_errors=True)
            raise not_written(target, reason_of(error)) from error
    for older in (path for number, path in _in_place(root) if number < step):
        _remove(older)
    return target


def newest_checkpoint(root: Path) -> Checkpoint | None:
    """Return the newest checkpoint in place, or None; what was being written when a run was killed is not one.

    Raises:
        RunError: It is damaged, or of a later version of impasto.
    """
    found = _in_place(root)
    if not found:
        return None
    step, folder = max(found)
    path = former_or_present(folder / _FACTS)
    try:
        if path.stat().st_size > _MAX_FACTS:
            raise _damaged(path, "it is too large")
        written = json.loads(path.read_text("utf-8"))
        digest, body = written.pop("digest"), written
        if digest != digest_of_json(body):
            raise _damaged(path, "its contents are not those that were written")
        facts, state = body["facts"], str(body["state"])
        if body["format"] != FORMAT:
            raise RunError(
                f"checkpoint {folder} has format {body['format']}, this version reads {FORMAT}: update impasto"
            )
        if body["step"] != step or not isinstance(facts, dict):
            raise _damaged(path, f"it is of step {body['step']}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, reason_of(error)) from error
    return Checkpoint(folder, step, facts, state)


def remove_checkpoints(root: Path) -> None:
    """Remove all checkpoints of a run that is finished."""
    for _, path in sorted(_in_place(root)):
        _remove(path)
    shutil.rmtree(root, ignore_errors=True)


def clear_leftovers(root: Path) -> None:
    """Remove what killed runs left half-written; only for whoever holds the run folder's lock."""
    for path in root.glob(".*.part"):
        shutil.rmtree(path, ignore_errors=True)


def _in_place(root: Path) -> list[tuple[int, Path]]:
    if not root.is_dir():
        return []
    named = ((_NAME.fullmatch(path.name), path) for path in root.iterdir())
    return [(int(match[1]), path) for match, path in named if match and path.is_dir() and not path.is_symlink()]


def _remove(folder: Path) -> None:
    """Remove a checkpoint so that a half-removed one never looks like one."""
    gone = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        folder.rename(gone)
    except OSError:
        return  # it stays, complete: the newest counts
    shutil.rmtree(gone, ignore_errors=True)


def _write_facts(staging: Path, body: dict[str, object]) -> None:
    state = staging / _STATE
    with state.open("rb") as written:
        os.fsync(written.fileno())
    body["state"] = digest_of_file(state)
    text = json.dumps(body)
    body = json.loads(text)  # as it will be read: tuples become lists
    with (staging / _FACTS).open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(body | {"digest": digest_of_json(body)}))
        stream.flush()
        os.fsync(stream.fileno())


def _damaged(path: Path, why: str) -> RunError:
    return RunError(f"{path} is damaged ({why}): the run cannot go on, begin it anew with another --run-dir")

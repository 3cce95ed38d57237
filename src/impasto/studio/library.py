"""The style files of the workspace."""

from __future__ import annotations

import re
import shutil
from functools import lru_cache
from pathlib import Path

from impasto.core.errors import DataError, ImpastoError
from impasto.core.files import staged
from impasto.core.paths import SAFETENSORS
from impasto.studio.workspace import Workspace
from impasto.style.file import read_card
from impasto.training.held_out.files import step_path

_OF_A_STEP = re.compile(r"-step-\d{6,}\.safetensors$")


def style_file(workspace: Workspace, name: str) -> Path:
    """Return a style file; raises `DataError` if there is none of that name."""
    if not name.endswith(SAFETENSORS):
        raise DataError("a style is a .safetensors file")
    return workspace.find("styles", name)


def styles_in(workspace: Workspace) -> list[dict[str, object]]:
    """Return what the page shows of every style, the newest first."""
    found = [path for path in workspace.styles.glob(f"*{SAFETENSORS}") if _is_shown(path)]
    newest_first = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return [_described(path, path.stat().st_mtime_ns) for path in newest_first]


def _is_shown(path: Path) -> bool:
    """Return whether a file is a style of its own: not a step of a training, which that offers, and no link."""
    return _OF_A_STEP.search(path.name) is None and not path.is_symlink()


def keep_step(workspace: Workspace, style: str, step: int) -> str:
    """Make a style of its own of a step of a training; returns its name.

    Raises:
        DataError: This step was not kept.
    """
    stem = style.removesuffix(SAFETENSORS)
    source = workspace.find("styles", step_path(Path(style), step).name)
    target = workspace.new_style(f"{stem}-{step}", set())
    with staged(target) as staging:
        shutil.copyfile(source, staging)
    return target.name


@lru_cache(maxsize=1024)
def _described(path: Path, changed: int) -> dict[str, object]:
    known: dict[str, object] = {"name": path.name, "title": path.stem, "bytes": path.stat().st_size, "changed": changed}
    try:
        card = read_card(path)
    except ImpastoError:
        return known | {"words": "", "method": "another tool", "base": "", "steps": 0, "kind": "lora", "roles": []}
    return known | {
        "words": card.style_words,
        "content": card.content_words,
        "concepts": card.concepts,
        "method": card.method,
        "base": card.base,
        "steps": card.steps,
        "kind": card.kind,
        "roles": sorted(card.roles),
        "complete": card.is_complete,
    }


def card_of(workspace: Workspace, name: str) -> dict[str, object]:
    """Return the card of a style in full."""
    return read_card(style_file(workspace, name)).model_dump(mode="json")

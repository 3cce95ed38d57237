"""The style files of the workspace."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from impasto.core.errors import DataError, ImpastoError
from impasto.core.paths import SAFETENSORS
from impasto.studio.workspace import Workspace
from impasto.style.file import read_card


def style_file(workspace: Workspace, name: str) -> Path:
    """Return a style file; raises `DataError` if there is none of that name."""
    if not name.endswith(SAFETENSORS):
        raise DataError("a style is a .safetensors file")
    return workspace.find("styles", name)


def styles_in(workspace: Workspace) -> list[dict[str, object]]:
    """Return what the page shows of every style, the newest first."""
    found = [path for path in workspace.styles.glob(f"*{SAFETENSORS}") if not path.is_symlink()]
    newest_first = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return [_described(path, path.stat().st_mtime_ns) for path in newest_first]


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

"""Names that style files and run folders of earlier versions use: the one place that knows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

OPTIONS: Mapping[str, str] = {"pairs": "batch_size", "rate_schedule": "lr_schedule", "division": "concepts_csv"}
"""Options, by their former name."""
_FILES: Mapping[str, str] = {"bundles": "checkpoints", "bundle.json": "checkpoint.json"}
"""Files and folders of run folders, by their former name."""

Value = TypeVar("Value")


def with_present_names(values: Mapping[str, Value]) -> tuple[dict[str, Value], str]:
    """Return options under their present names, and one line that says which were renamed; "" where none was."""
    renamed = [f"{name} is {OPTIONS[name]} now" for name in values if name in OPTIONS]
    note = f"written by an earlier version: {', '.join(renamed)}" if renamed else ""
    return {OPTIONS.get(name, name): value for name, value in values.items()}, note


def former_or_present(path: Path) -> Path:
    """Return `path`, or where an earlier version put it if it is there."""
    for former, present in _FILES.items():
        if path.name == present and not path.exists() and (there := path.with_name(former)).exists():
            return there
    return path

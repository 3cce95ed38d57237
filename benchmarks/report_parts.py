"""What sections of the report are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.machine import RESULTS


def read_result(name: str) -> dict[str, Any]:
    """Return a committed result."""
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return loaded


def machine_line(result: Mapping[str, Any]) -> str:
    """Return where and when a result was measured."""
    machine = result["machine"]
    versions = machine["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores; torch {versions['torch']}, diffusers {versions['diffusers']}, "
        f"transformers {versions['transformers']}; {result['date']}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, ["---"] * len(head), *rows))


def with_error(row: Mapping[str, float], name: str, error: str, sign: str = "") -> str:
    """Return a number of a row with its standard error."""
    return f"{row[name]:{sign}.3f} ± {row[error]:.3f}"


def section(title: str, *parts: str, command: str, result: Mapping[str, Any]) -> str:
    """Return a section of the report: title, paragraphs and tables, and the command with its machine."""
    return "\n\n".join([f"## {title}", *parts, f"`python -m benchmarks.{command}` ({machine_line(result)})."])


def judge_of_artists(result: Mapping[str, Any]) -> str:
    """Return what the judge of artists measures, and how well it does."""
    facts = result["judge"]
    return (
        "how much a picture looks drawn by the wanted artist, about 1 for its own drawings and 0 for others'.\nOf "
        f"{facts['drawings']} real drawings of subjects that it did not learn from, the judge tells the artist of "
        f"{facts['right_as_they_are']:.0%}, and of {facts['right_after_the_autoencoder']:.0%} after pocket's\nautoencoder; "
        f"they have {facts['own_as_they_are']:.2f} and {facts['own_after_the_autoencoder']:.2f} in the mean."
    )

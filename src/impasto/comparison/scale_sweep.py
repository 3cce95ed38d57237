"""Strength curves of a comparison: distance and text alignment over the scale at which a style is attached."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from impasto.comparison.aggregate import Number, Result, numbers_by_strength
from impasto.reporting.plots import curves

ALONG = ("KID", "text alignment")
"""What is shown; every number is in report.json."""


def strengths_of(rows: Mapping[str, Sequence[Result]]) -> dict[str, dict[float, dict[str, Number]]]:
    """Return the numbers of every method on one style by strength; methods that learn nothing are left out."""
    found = {row: numbers_by_strength(results) for row, results in rows.items()}
    return {row: by_strength for row, by_strength in found.items() if by_strength}


def strength_lines(rows: Mapping[str, Sequence[Result]]) -> list[str]:
    """Return the strengths of one style as a Markdown table, or nothing when none were drawn."""
    found = strengths_of(rows)
    if not found:
        return []
    scales = sorted({scale for each in found.values() for scale in each})
    lines = [f"| method | | {' | '.join(f'x {scale:g}' for scale in scales)} |", "|---" * (len(scales) + 2) + "|"]
    for row, by_strength in found.items():
        for name in _shown(by_strength):
            texts = [by_strength[scale][name].formatted() if scale in by_strength else "" for scale in scales]
            lines.append(f"| {row} | {name} | {' | '.join(texts)} |")
    return ["**Strength** (the scale at which the style is attached)", "", *lines, ""]


def strength_curves(rows: Mapping[str, Sequence[Result]]) -> str:
    """Return a plot of each number over strength, a line for each method, or nothing when none were drawn."""
    found = strengths_of(rows)
    plots = [
        curves(
            {
                row: [(scale, each[name].mean) for scale, each in by_strength.items() if name in each]
                for row, by_strength in found.items()
            },
            across="strength of the style",
            up=name,
        )
        for name in ALONG
    ]
    return "".join(
        f"<h3>{html.escape(name)} by strength</h3>{plot}" for name, plot in zip(ALONG, plots, strict=True) if plot
    )


def _shown(by_strength: Mapping[float, Mapping[str, Number]]) -> list[str]:
    return [name for name in ALONG if all(name in each for each in by_strength.values())]

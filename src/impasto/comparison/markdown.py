"""The tables of a comparison as Markdown: `table.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impasto.comparison.aggregate import LEGEND, Number, Result, by_row, numbers, table
from impasto.comparison.scale_sweep import strength_lines


def markdown(results: Sequence[Result], styles: Sequence[str], state: str, steps: Sequence[str]) -> str:
    """Return all tables.

    Args:
        results: One for each finished trial.
        styles: Names of the styles.
        state: What is missing, or nothing.
        steps: Lines on the steps that a search found.
    """
    lines = ["# Comparison", ""]
    lines += [f"**Partial: {state}.**", ""] if state else []
    for style in styles:
        rows = by_row(results, style)
        if rows:
            lines += [f"## {style}", "", *_table({row: numbers(each) for row, each in rows.items()}), ""]
            lines += strength_lines(rows)
    return "\n".join([*lines, *steps, LEGEND, ""])


def _table(rows: Mapping[str, Mapping[str, Number]]) -> list[str]:
    headings, lines = table(rows)
    written = [f"| method | {' | '.join(headings)} | seeds |", "|---" * (len(headings) + 2) + "|"]
    for line in lines:
        cells = [_cell(number, is_best=is_best) for number, is_best in line.cells]
        written.append(f"| {line.name} | {' | '.join(cells)} | {line.seeds} |")
    return written


def _cell(number: Number | None, *, is_best: bool) -> str:
    if number is None:
        return ""
    text = number.formatted() + (" !" if number.warning else "")
    return f"**{text}**" if is_best else text

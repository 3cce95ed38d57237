"""The tables of a comparison as Markdown: `table.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impasto.comparison.aggregate import LEGEND, SHOWN, Number, Result, best, by_row, numbers
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
    names = [name for name in SHOWN if any(name in each for each in rows.values())]
    arrows = {"lower": " ↓", "higher": " ↑"}
    ways = {name: next(each[name].better for each in rows.values() if name in each) for name in names}
    lines = [f"| method | {' | '.join(n + arrows.get(ways[n], '') for n in names)} | seeds |"]
    lines += ["|---" * (len(names) + 2) + "|"]
    leaders = {name: best(rows, name) for name in names}
    for row, each in rows.items():
        texts = [_cell(each, name, is_best=leaders[name] == row) for name in names]
        lines.append(f"| {row} | {' | '.join(texts)} | {max(number.seeds for number in each.values())} |")
    return lines


def _cell(row: Mapping[str, Number], name: str, *, is_best: bool) -> str:
    if name not in row:
        return ""
    texts = row[name].formatted() + (" !" if row[name].warning else "")
    return f"**{texts}**" if is_best else texts

"""Numbers of a comparison over seeds: means, intervals, and the table as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from impasto.workflows.compare_cell import Cell

SHOWN = (
    "KID",
    "CMMD",
    "Fréchet",
    "style similarity",
    "text alignment",
    "content similarity",
    "nearer to training than unseen",
    "diversity",
)
"""Columns of the table, in order; everything is in report.json."""
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Quantiles 0.975 of Student's t by degrees of freedom, from 1; 1.96 beyond."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of one method on one style.

    Attributes:
        mean: Over seeds.
        half: Half of the 95 % interval over seeds; with a single seed the standard error over pictures instead.
        seeds: How many seeds went in.
        better: Which way is better.
        warning: Why not to trust it, or empty.
    """

    mean: float
    half: float
    seeds: int
    better: str
    warning: str

    def told(self) -> str:
        """Return it as the table shows it."""
        digits = 3 if abs(self.mean) < 100 else 1
        return f"{self.mean:.{digits}f}" + (f" ± {self.half:.{digits}f}" if math.isfinite(self.half) else "")


@dataclass(frozen=True, slots=True)
class Result:
    """What the file of a finished cell says.

    Attributes:
        cell: The cell.
        measured: Its measurements by name.
        losses: (step, loss), thinned.
        prompts: What was drawn, in order, without style words.
        pictures: Names of the pictures, in order.
        seconds: How long it took.
    """

    cell: Cell
    measured: Mapping[str, Mapping[str, object]]
    losses: Sequence[tuple[int, float]]
    prompts: Sequence[str]
    pictures: Sequence[str]
    seconds: float


def read_results(cells: Sequence[Cell]) -> list[Result]:
    """Return the results of the cells that are done."""
    return [_read(cell) for cell in cells if cell.file.is_file()]


def _read(cell: Cell) -> Result:
    facts = json.loads(cell.file.read_text("utf-8"))
    return Result(
        cell=cell,
        measured={each["name"]: each for each in facts["measured"]},
        losses=[(int(step), float(loss)) for step, loss in facts["losses"]],
        prompts=facts["prompts"],
        pictures=facts["pictures"],
        seconds=float(facts["seconds"]),
    )


def numbers(results: Sequence[Result]) -> dict[str, Number]:
    """Return every number of one method on one style, over its seeds."""
    names = list(dict.fromkeys(name for result in results for name in result.measured))
    return {name: _number([result.measured[name] for result in results if name in result.measured]) for name in names}


def _number(found: Sequence[Mapping[str, object]]) -> Number:
    values = [float(str(each["value"])) for each in found]
    if len(values) == 1:
        told = found[0]["standard_error"]
        half = math.inf if told is None else float(str(told))
    else:
        freedom = len(values) - 1
        quantile = _T[freedom - 1] if freedom <= len(_T) else 1.96
        half = quantile * stdev(values) / len(values) ** 0.5
    warnings = [str(each["warning"]) for each in found if each["warning"]]
    return Number(mean(values), half, len(values), str(found[0]["better"]), warnings[0] if warnings else "")


def by_row(results: Sequence[Result], style: str) -> dict[str, list[Result]]:
    """Return the results on one style by method, in the order of the recipe."""
    rows: dict[str, list[Result]] = {}
    for result in results:
        if result.cell.style == style:
            rows.setdefault(result.cell.row, []).append(result)
    return rows


def best(rows: Mapping[str, Mapping[str, Number]], name: str) -> str:
    """Return the method with the best mean of a number, or nothing when neither way is better."""
    found = {row: each[name] for row, each in rows.items() if name in each}
    ways = {number.better for number in found.values()}
    if len(found) < 2 or ways <= {"neither"}:
        return ""
    pick = min if "lower" in ways else max
    return pick(found, key=lambda row: found[row].mean)


def markdown(results: Sequence[Result], styles: Sequence[str], state: str) -> str:
    """Return the table of every style; `state` says what is missing, or nothing."""
    lines = ["# Comparison", ""]
    lines += [f"**Partial: {state}.**", ""] if state else []
    for style in styles:
        rows = {row: numbers(each) for row, each in by_row(results, style).items()}
        names = [name for name in SHOWN if any(name in each for each in rows.values())]
        if not names:
            continue
        arrows = {"lower": " ↓", "higher": " ↑"}
        ways = {name: next(each[name].better for each in rows.values() if name in each) for name in names}
        lines += [f"## {style}", "", f"| method | {' | '.join(n + arrows.get(ways[n], '') for n in names)} | seeds |"]
        lines += ["|---" * (len(names) + 2) + "|"]
        leaders = {name: best(rows, name) for name in names}
        for row, each in rows.items():
            told = [_cell_text(each, name, is_best=leaders[name] == row) for name in names]
            lines.append(f"| {row} | {' | '.join(told)} | {max(number.seeds for number in each.values())} |")
        lines.append("")
    return "\n".join([*lines, LEGEND, ""])


LEGEND = (
    "± is half of the 95 % interval over seeds (Student's t), or with one seed the standard error over pictures. Bold: "
    "the best mean, which says nothing where intervals overlap. Marked with !: fewer pictures than dimensions."
)


def _cell_text(row: Mapping[str, Number], name: str, *, is_best: bool) -> str:
    if name not in row:
        return ""
    told = row[name].told() + (" !" if row[name].warning else "")
    return f"**{told}**" if is_best else told

"""Numbers of a comparison over seeds: means and intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TypeAlias

from impasto.comparison.judgements import Z, preferred, read_judgements, wilson
from impasto.comparison.trial import Trial

PREFERRED = "preferred"
"""Share of blind pairwise judgements that a method won, see `judgements.py`."""
SHOWN = (
    "KID",
    "CMMD",
    "Fréchet",
    "style similarity",
    "text alignment",
    "content similarity",
    "nearer to training than unseen",
    "diversity",
    PREFERRED,
)
"""Columns of the table, in order; everything is in report.json."""
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Quantiles 0.975 of Student's t by degrees of freedom, from 1; an expansion beyond."""


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

    def formatted(self) -> str:
        """Return it as the table shows it."""
        digits = 3 if abs(self.mean) < 100 else 1
        return f"{self.mean:.{digits}f}" + (f" ± {self.half:.{digits}f}" if math.isfinite(self.half) else "")


Measured: TypeAlias = Mapping[str, Mapping[str, object]]
"""Measurements by name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the file of a finished trial says.

    Attributes:
        trial: What was trained, drawn and measured.
        measured: Its measurements by name.
        strengths: The same by the scale of the style.
        losses: (step, loss), thinned.
        prompts: What was drawn, in order, without style words.
        pictures: Names of the pictures, in order.
        seconds: How long it took.
    """

    trial: Trial
    measured: Measured
    strengths: Mapping[float, Measured]
    losses: Sequence[tuple[int, float]]
    prompts: Sequence[str]
    pictures: Sequence[str]
    seconds: float


def read_results(trials: Sequence[Trial]) -> list[Result]:
    """Return the results of the trials that are done."""
    return [_read(trial) for trial in trials if trial.file.is_file()]


def _read(trial: Trial) -> Result:
    facts = json.loads(trial.file.read_text("utf-8"))
    return Result(
        trial=trial,
        measured=_by_name(facts["measured"]),
        strengths={float(each["strength"]): _by_name(each["measured"]) for each in facts["strengths"]},
        losses=[(int(step), float(loss)) for step, loss in facts["losses"]],
        prompts=facts["prompts"],
        pictures=facts["pictures"],
        seconds=float(facts["seconds"]),
    )


def _by_name(measured: Sequence[Mapping[str, object]]) -> Measured:
    return {str(each["name"]): each for each in measured}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of a style.

    Attributes:
        name: Of the method.
        cells: A number for each column, or None, and whether it is the best of its column.
        seeds: How many there are at most.
    """

    name: str
    cells: Sequence[tuple[Number | None, bool]]
    seeds: int


def table(rows: Mapping[str, Mapping[str, Number]]) -> tuple[list[str], list[Row]]:
    """Return the headings, with arrows to the better side, and the lines of the table of a style.

    Args:
        rows: Numbers by name, by method.
    """
    names = [name for name in SHOWN if any(name in each for each in rows.values())]
    arrows = {"lower": " ↓", "higher": " ↑"}
    ways = {name: next(each[name].better for each in rows.values() if name in each) for name in names}
    leaders = {name: best(rows, name) for name in names}
    lines = [
        Row(row, [(each.get(name), leaders[name] == row) for name in names], max(n.seeds for n in each.values()))
        for row, each in rows.items()
    ]
    return [name + arrows.get(ways[name], "") for name in names], lines


def numbers(results: Sequence[Result]) -> dict[str, Number]:
    """Return every number of one method on one style, over its seeds; what people preferred is one of them."""
    return _over_seeds([result.measured for result in results]) | _preferred(results)


def _preferred(results: Sequence[Result]) -> dict[str, Number]:
    """Return the centre of the Wilson interval of the share of pairs that a method won, and half its width."""
    if not results:
        return {}
    trial = results[0].trial
    won, count = preferred(read_judgements(trial.out), trial.style).get(trial.row, (0.0, 0))
    return {PREFERRED: Number(*wilson(won, count), 1, "higher", "")} if count else {}


def numbers_by_strength(results: Sequence[Result]) -> dict[float, dict[str, Number]]:
    """Return every number of one method on one style, over its seeds, by the scale of the style."""
    scales = sorted({scale for result in results for scale in result.strengths})
    return {
        scale: _over_seeds([each.strengths[scale] for each in results if scale in each.strengths]) for scale in scales
    }


def _over_seeds(measured: Sequence[Measured]) -> dict[str, Number]:
    names = list(dict.fromkeys(name for each in measured for name in each))
    return {name: _number([each[name] for each in measured if name in each]) for name in names}


def _number(found: Sequence[Mapping[str, object]]) -> Number:
    values = [float(str(each["value"])) for each in found]
    if len(values) == 1:
        stated = found[0]["standard_error"]
        half = math.inf if stated is None else float(str(stated))
    else:
        half = half_interval(values)
    warnings = [str(each["warning"]) for each in found if each["warning"]]
    return Number(mean(values), half, len(values), str(found[0]["better"]), warnings[0] if warnings else "")


def half_interval(values: Sequence[float]) -> float:
    """Return half of the 95 % interval of a mean (Student's t); infinite for a single value."""
    freedom = len(values) - 1
    if not freedom:
        return math.inf
    return _quantile(freedom) * stdev(values) / math.sqrt(len(values))


def _quantile(freedom: int) -> float:
    """Return the quantile 0.975 of Student's t (beyond the table Abramowitz and Stegun, 26.7.5), right to 0.001."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3


def by_row(results: Sequence[Result], style: str) -> dict[str, list[Result]]:
    """Return the results on one style by method, in the order of the configuration."""
    rows: dict[str, list[Result]] = {}
    for result in results:
        if result.trial.style == style:
            rows.setdefault(result.trial.row, []).append(result)
    return rows


def best(rows: Mapping[str, Mapping[str, Number]], name: str) -> str:
    """Return the method with the best mean of a number, or nothing when neither way is better."""
    found = {row: each[name] for row, each in rows.items() if name in each}
    ways = {number.better for number in found.values()}
    if len(found) < 2 or ways <= {"neither"}:
        return ""
    pick = min if "lower" in ways else max
    return pick(found, key=lambda row: found[row].mean)


LEGEND = (
    "± is half of the 95 % interval over seeds (Student's t), or with one seed the standard error over pictures. Bold: "
    "the best mean, which says nothing where intervals overlap. Marked with !: fewer pictures than dimensions. "
    "Preferred: share of blind pairs that were won, ties as half, with its 95 % Wilson interval."
)

"""How many steps each method trains: found on a style that is not compared, with early stopping.

A point of the search is a trial like any other, with its number of steps replaced: a training of its own, kept under
the hash of what it depends on. So it is just what the table trains later, also where a cosine makes rates depend on the
number of steps: the first 400 of a longer run would be another training.

The state of a search is read from the files of its trials, and so it goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from impasto.comparison.aggregate import Number, numbers, read_results
from impasto.comparison.entries import Entry
from impasto.comparison.plan import Plan
from impasto.comparison.trial import Trial
from impasto.reporting.plots import curves

DISTANCE = "KID"
"""What is minimised: the kernel distance to the validation style's reference, which no training sees."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What is known of the steps of one row.

    Attributes:
        row: Its name.
        distances: Over seeds, by number of steps, ascending.
        is_over: Whether no further measurement is wanted.
        trials: Of the measurement that is wanted next.
    """

    row: str
    distances: Mapping[int, Number]
    is_over: bool
    trials: tuple[Trial, ...] = ()

    @property
    def best(self) -> int:
        """The steps with the lowest mean distance; of equal ones the fewest."""
        return min(self.distances, key=lambda steps: self.distances[steps].mean)

    def formatted_steps(self) -> str:
        """Return the steps, or that they are not known yet."""
        return str(self.best) if self.is_over else "not known yet"


def search_state(plan: Plan) -> list[SearchResult]:
    """Return what the files of finished trials say of every row whose steps are searched."""
    return [_state(plan, row) for row in plan.searched]


def _state(plan: Plan, row: Entry) -> SearchResult:
    distances: dict[int, Number] = {}
    for trials in plan.points(row):
        if not all(trial.file.is_file() for trial in trials):
            return SearchResult(row.name, distances, is_over=False, trials=trials)
        distances[_steps_of(trials[0])] = numbers(read_results(trials))[DISTANCE]
        if plan.config.search and is_over([each.mean for each in distances.values()], plan.config.search.patience):
            break
    return SearchResult(row.name, distances, is_over=True)


def _steps_of(trial: Trial) -> int:
    return int(str(trial.values["steps"]))


def is_over(values: Sequence[float], patience: int) -> bool:
    """Return whether the last `patience` values brought no new lowest one."""
    return len(values) - 1 - values.index(min(values)) >= patience


def steps_found(found: Sequence[SearchResult]) -> dict[str, int]:
    """Return the steps of the rows whose search is over."""
    return {each.row: each.best for each in found if each.is_over}


def search_lines(found: Sequence[SearchResult], style: str) -> list[str]:
    """Return the steps as a Markdown table; nothing without a search."""
    if not found:
        return []
    lines = ["| method | steps | KID there | measured |", "|---" * 4 + "|"]
    for each in found:
        best = each.distances[each.best].formatted() if each.distances else ""
        tried = ", ".join(map(str, each.distances)) or "nothing yet"
        lines.append(f"| {each.row} | {each.formatted_steps()} | {best} | {tried} |")
    return [f"## Steps, chosen on {style}", "", *lines, ""]


def search_curves(found: Sequence[SearchResult]) -> str:
    """Return a plot of the distance over steps, a line for each method; nothing before the first measurement."""
    lines = {each.row: [(steps, number.mean) for steps, number in each.distances.items()] for each in found}
    return curves(lines, across="steps of the training", up=DISTANCE)

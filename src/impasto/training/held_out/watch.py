"""What was measured so far, which step is the best, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from impasto.core.errors import RunError
from impasto.core.events import HeldOutMeasured
from impasto.training.held_out.interval import Interval
from impasto.training.held_out.judge import Judge, Judged


@dataclass
class Watch:
    """The measurements of a run.

    Attributes:
        judge: Measures.
        interval: How often.
        patience: Measurements in a row without a better step that end the run; None never ends it.
        measured: So far; that of step 0, the untrained base, comes first.
    """

    judge: Judge
    interval: Interval
    patience: int | None = None
    measured: list[HeldOutMeasured] = field(default_factory=list)

    @property
    def best(self) -> HeldOutMeasured | None:
        """The trained step with the smallest distance, the first of equals; None before any was measured."""
        trained = [each for each in self.measured if each.step > 0]
        return min(trained, key=lambda each: each.distance, default=None)

    @property
    def is_over(self) -> bool:
        """Whether patience is at its end."""
        best = self.best
        if self.patience is None or best is None:
            return False
        return sum(each.step > best.step for each in self.measured) >= self.patience

    def is_due(self, step: int, *, is_last: bool) -> bool:
        """Return whether the step that was just done is to be measured."""
        return step % self.interval.every == 0 or is_last

    def add(self, step: int, judged: Judged, path: Path) -> HeldOutMeasured:
        """Note a measurement, in the place of one of the same step."""
        best = self.best
        is_best = step > 0 and (best is None or judged.distance < best.distance)
        event = HeldOutMeasured(
            step, judged.distance, judged.standard_error, judged.match, judged.copying, is_best, path
        )
        self.measured = [*(each for each in self.measured if each.step != step), event]
        return event

    def facts(self) -> dict[str, object]:
        """Return what a checkpoint holds of it."""
        rows = [{name: value for name, value in asdict(each).items() if name != "path"} for each in self.measured]
        return {"every": self.interval.every, "measured": rows}

    def restore(self, facts: Mapping[str, object], sheet: Callable[[int], Path]) -> None:
        """Go on with what a checkpoint holds; raises `RunError` where that is damaged.

        Args:
            facts: Of the checkpoint.
            sheet: Where the pictures of a step are.
        """
        rows = facts.get("measured")
        try:
            if not isinstance(rows, list):
                raise TypeError("measured")
            self.measured = [HeldOutMeasured(**row, path=sheet(row["step"])) for row in rows]
        except (TypeError, KeyError) as error:
            raise RunError(
                "the checkpoint does not say what was measured on held-out pictures: begin anew with another --run-dir"
            ) from error


def saved_interval(facts: object) -> int | None:
    """Return how often the run that left these facts measured, or None: what was timed once is not timed again."""
    every = facts.get("every") if isinstance(facts, dict) else None
    return every if isinstance(every, int) else None

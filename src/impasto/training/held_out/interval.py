"""How often steps are measured, so that measuring takes a small share of the training time."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.15
"""The largest share of the training time that measuring takes."""
_FEWEST, _MOST = 2, 50


@dataclass(frozen=True, slots=True)
class Interval:
    """How often steps are measured.

    Attributes:
        every: Steps between two measurements; the last step is measured too, and so is the untrained base.
        count: Measurements in all.
        share: Time that they are expected to take, as a share of that of all steps.
    """

    every: int
    count: int
    share: float


def interval(steps: int, seconds: float, a_measurement: float, every: int | None = None) -> Interval:
    """Return how often to measure.

    Args:
        steps: Length of the run.
        seconds: Expected duration of all steps.
        a_measurement: Seconds of one measurement.
        every: Steps between two measurements as the user wants it; None where the time decides.
    """
    if every is None:
        allowed = int(SHARE * seconds / a_measurement) - 1  # the untrained base is measured too
        every = -(-steps // min(max(allowed, _FEWEST), _MOST, steps))
    count = -(-steps // every) + 1
    return Interval(every, count, count * a_measurement / seconds)

"""How long a stage is trained, and how its learning rate goes: up, level, down in a straight line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Length and learning rate of a run.

    Attributes:
        rate: Learning rate at its highest.
        minutes: Length in time: the same command suits a slow and a fast machine.
        steps: Length in steps, in the place of minutes: the rate then depends on nothing but the step, and a run that
            was stopped ends bit for bit where an uninterrupted one ends.
        warm_up: Share of the run in which the rate rises from nothing.
        constant: Share of the run, after the warm-up, in which it stays.
        end: Share of the rate that is left at the end; it falls in a straight line.
        anew: Keep the weights, start the run again.
    """

    rate: float
    minutes: float
    steps: int | None = None
    warm_up: float = 0.02
    constant: float = 0.3
    end: float = 0.02
    anew: bool = False

    def __post_init__(self) -> None:
        """Refuse shares that leave no place for the fall.

        Raises:
            ValueError: Warm-up and constant share are more than the run, or a share is not in [0, 1].
        """
        for name in ("warm_up", "constant", "end"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it is a share of the run or rate, from 0 to 1")
        if self.warm_up + self.constant > 1:
            raise ValueError(f"warm_up {self.warm_up} and constant {self.constant} are more than the whole run of 1")

    @classmethod
    def chosen(cls, options: argparse.Namespace) -> Schedule:
        """Return what the command line says (`pretraining.options`)."""
        return cls(
            rate=options.rate,
            minutes=options.minutes,
            steps=options.steps,
            warm_up=options.warm_up,
            constant=options.constant,
            end=options.end,
            anew=options.anew,
        )

    def rate_at(self, progress: float) -> float:
        """Return the learning rate at `progress` in [0, 1]."""
        if progress < self.warm_up:
            return self.rate * progress / self.warm_up
        falls_from = self.warm_up + self.constant
        if progress <= falls_from or falls_from == 1:
            return self.rate
        fallen = min((progress - falls_from) / (1 - falls_from), 1.0)
        return self.rate * (1 - fallen * (1 - self.end))

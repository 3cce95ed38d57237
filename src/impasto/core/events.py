"""What workflows tell, as small frozen values. Progress bars, logs, web pages and tests consume the same events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run is about to do, as rows of (what, value), and what the user should know."""

    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """One unit of preparing or drawing is done."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TrainStep:
    """One optimiser step is done.

    Attributes:
        step: Counts from 1.
        steps: How many there will be.
        loss: The total that was minimised.
        parts: Its terms by stream, before weighting.
        seconds: Wall time of the step.
    """

    step: int
    steps: int
    loss: float
    parts: tuple[tuple[str, float], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Sampled:
    """Sample pictures were drawn during training; step 0 is the untrained model."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """Everything that the run needs to go on was written, and is in place."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Noted:
    """Something happened that the user should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Generated:
    """One picture was written."""

    path: Path
    prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class Saved:
    """A style file was written."""

    path: Path
    steps: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """A number was measured; lower or higher is better as `better` says."""

    name: str
    value: float
    standard_error: float
    better: str


@dataclass(frozen=True, slots=True)
class Probed:
    """The blocks of a base were measured.

    Attributes:
        folder: Holds table, pictures and proposed roles.
        table: Effects of all blocks and the proposed roles, as Markdown.
    """

    folder: Path
    table: str


Event: TypeAlias = (
    Planned | Progress | TrainStep | Sampled | Checkpointed | Noted | Generated | Saved | Measured | Probed
)

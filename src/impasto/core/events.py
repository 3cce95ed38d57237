"""What use cases report, as small frozen values. Progress bars, logs, web pages and tests consume the same events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run is about to do, as rows of (what, value), what the user should know, and what will go wrong."""

    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


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
class Corrected:
    """The first steps were measured; from now on this replaces what the plan expected.

    Attributes:
        step: The last step that was measured.
        seconds: Wall time of a step.
        expected_seconds: What the plan expected.
        left: Seconds that the steps to come take at this pace; sample pictures come on top.
        peak: Most memory in use so far, in bytes; None where that is not known.
        expected_peak: What the plan expected.
    """

    step: int
    seconds: float
    expected_seconds: float
    left: float
    peak: int | None
    expected_peak: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """Sample pictures were drawn during training; step 0 is the untrained model."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class HeldOutMeasured:
    """A step was measured on held-out pictures; step 0 is the untrained model.

    Attributes:
        step: Which one.
        distance: Kernel distance to the held-out pictures; lower is better, and decides which step is kept.
        standard_error: Of the distance, over pictures.
        match: 100 times the cosine of pictures and their words; higher is better, None where nothing reads them.
        copying: How often a drawn picture is nearer to a training picture than a held-out one is: ½ is usual, 1 copies.
        is_best: Whether no trained step before had a smaller distance.
        path: The pictures that were measured.
    """

    step: int
    distance: float
    standard_error: float
    match: float | None
    copying: float
    is_best: bool
    path: Path


@dataclass(frozen=True, slots=True)
class StepKept:
    """The style of a step was written beside the style file."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """Everything that the run needs to go on was written, and is in place."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a training works, told from its samples: after those of each step, and at its end.

    Attributes:
        step: Of the samples, the last ones.
        moved: Share of the way from the untrained base to the style pictures, 0 to 1, in strokes and colours.
        kept: Samples whose subject is recognised; None where nothing can tell.
        kept_before: The same of the untrained base.
        asked: Samples that ask for a subject that can be recognised.
        worse_since: The step since which samples are clearly worse than before; None if they are not.
        words_lost_since: The step since which clearly fewer subjects are recognised than of the untrained base; None if
            they are, or where nothing can tell.
        best: The trained step with the best samples, of those before words were lost; None if there is none.
        is_final: Whether the training has ended.
        sheet: The sheet of all samples.
    """

    step: int
    moved: float
    kept: int | None
    kept_before: int | None
    asked: int
    worse_since: int | None
    words_lost_since: int | None
    best: int | None
    is_final: bool
    sheet: Path


@dataclass(frozen=True, slots=True)
class Noted:
    """Something happened that the user should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Previewed:
    """The pictures of a batch, as they look after a step, were written; they are small, and go when all is drawn."""

    path: Path
    step: int
    steps: int


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
    """A number was measured; "lower", "higher" or "neither" is better, as `better` says.

    Attributes:
        name: What was measured.
        value: How much.
        standard_error: Standard error of `value`, in its unit.
        better: Which way is better.
        counts: Pictures of each set that went in.
        warning: Why not to trust the number, or empty.
    """

    name: str
    value: float
    standard_error: float
    better: str
    counts: tuple[int, ...] = ()
    warning: str = ""


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
    Planned
    | Progress
    | TrainStep
    | Corrected
    | Sampled
    | HeldOutMeasured
    | StepKept
    | Verdict
    | Checkpointed
    | Noted
    | Previewed
    | Generated
    | Saved
    | Measured
    | Probed
)

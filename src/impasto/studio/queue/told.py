"""What the log of a job said so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from impasto.core.files import json_rows

_RECENT = 20
"""Steps whose pace says how long the rest takes."""
_MOST_POINTS = 400
_SMOOTHED = 25


@dataclass
class Told:
    """What a log of events said so far; `read` goes on where it stopped."""

    plan: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    preview: tuple[int, int] | None = None
    step: int = 0
    steps: int = 0
    doing: str = ""
    saved: str = ""
    measured: list[tuple[int, float]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    verdict: dict[str, object] = field(default_factory=dict)
    read_bytes: int = 0

    def read(self, log: Path) -> None:
        """Take in what was written to the log since; a log that was cut is read from its beginning."""
        try:
            size = log.stat().st_size
            if size < self.read_bytes:
                self.__init__()  # type: ignore[misc]
            if size == self.read_bytes:
                return
            with log.open("rb") as stream:
                stream.seek(self.read_bytes)
                written = stream.read()
        except OSError:
            return
        whole = written[: written.rfind(b"\n") + 1]
        self.read_bytes += len(whole)
        for row in json_rows(whole.splitlines()):
            self._take(row)

    def _take(self, row: Mapping[str, object]) -> None:
        taker = _TAKERS.get(str(row.get("event")))
        if taker is not None:
            taker(self, row)

    def take_plan(self, row: Mapping[str, object]) -> None:
        """Take in what is about to happen."""
        self.plan = [(str(what), str(value)) for what, value in _pairs(row.get("rows"))]
        self.notes = [str(note) for note in _list(row.get("notes"))]

    def take_progress(self, row: Mapping[str, object]) -> None:
        """Take in that a part of preparing is done."""
        self.doing = f"{row.get('what')} {row.get('done')} of {row.get('total')}"

    def take_step(self, row: Mapping[str, object]) -> None:
        """Take in a step of learning."""
        self.step, self.steps = _int(row.get("step")), _int(row.get("steps"))
        self.losses.append(float(str(row.get("loss"))))
        self.seconds.append(float(str(row.get("seconds"))))
        self.doing = "learning"

    def take_samples(self, row: Mapping[str, object]) -> None:
        """Take in that there are samples of a step."""
        self.samples.append(_int(row.get("step")))

    def take_preview(self, row: Mapping[str, object]) -> None:
        """Take in that there is a preview of a step."""
        self.preview = (_int(row.get("step")), _int(row.get("steps")))

    def take_picture(self, row: Mapping[str, object]) -> None:
        """Take in that a picture is there."""
        self.pictures.append(Path(str(row.get("path"))).name)
        self.preview = None

    def take_saved(self, row: Mapping[str, object]) -> None:
        """Take in that the style is there."""
        self.saved = Path(str(row.get("path"))).name

    def take_measurement(self, row: Mapping[str, object]) -> None:
        """Take in how far the pictures of a step are from held-out ones."""
        self.measured.append((_int(row.get("step")), float(str(row.get("distance")))))

    def take_kept(self, row: Mapping[str, object]) -> None:
        """Take in that the style of a step can be had."""
        self.kept.append(_int(row.get("step")))

    def take_verdict(self, row: Mapping[str, object]) -> None:
        """Take in whether the training worked."""
        self.verdict = {name: value for name, value in row.items() if name not in {"event", "sheet"}}

    def take_note(self, row: Mapping[str, object]) -> None:
        """Take in what the person should know."""
        self.notes.append(str(row.get("text")))

    def seconds_left(self) -> float | None:
        """Return how long the steps to come take at the pace of the last ones."""
        recent = self.seconds[-_RECENT:]
        return sum(recent) / len(recent) * (self.steps - self.step) if recent else None

    def curve(self) -> list[tuple[int, float]]:
        """Return (step, loss), smoothed over 25 steps, as few points as a picture needs."""
        every = max(len(self.losses) // _MOST_POINTS, 1)
        points = []
        for end in range(every, len(self.losses) + 1, every):
            part = self.losses[max(0, end - 25) : end]
            points.append((end, sum(part) / len(part)))
        return points


_TAKERS: Mapping[str, Callable[[Told, Mapping[str, object]], None]] = {
    "Planned": Told.take_plan,
    "Progress": Told.take_progress,
    "TrainStep": Told.take_step,
    "Sampled": Told.take_samples,
    "Previewed": Told.take_preview,
    "Generated": Told.take_picture,
    "Saved": Told.take_saved,
    "Noted": Told.take_note,
    "HeldOutMeasured": Told.take_measurement,
    "StepKept": Told.take_kept,
    "Verdict": Told.take_verdict,
}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _pairs(value: object) -> list[tuple[object, object]]:
    return [(each[0], each[1]) for each in _list(value) if isinstance(each, list) and len(each) == 2]


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0

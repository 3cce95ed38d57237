"""Which events of a run a tracker is told, and how it calls their numbers."""

from __future__ import annotations

from importlib.util import find_spec

from impasto.core.errors import ConfigError
from impasto.core.events import Event, HeldOutMeasured, Sampled, TrainStep
from impasto.reporting.trackers import Tracker, TrackerName


def track(tracker: Tracker, event: Event) -> None:
    """Tell a tracker what an event says; most say nothing to it."""
    match event:
        case TrainStep(step, _, loss, parts, seconds):
            told = {"loss": loss, "seconds a step": seconds}
            tracker.scalars(step, told | {f"loss/{name}": value for name, value in parts if len(parts) > 1})
        case HeldOutMeasured(step, distance, _, match, copying):
            told = {"held out/distance": distance, "held out/copying": copying}
            tracker.scalars(step, told | ({} if match is None else {"held out/match": match}))
            tracker.picture(step, "held out", event.path)
        case Sampled(step, path):
            tracker.picture(step, "samples", path)
        case _:
            pass


def refuse_missing(name: TrackerName) -> None:
    """Raise `ConfigError` where the tracker's package is not installed."""
    if name != "none" and find_spec(name) is None:
        raise ConfigError(f"--track {name} needs {name}: pip install 'impasto[track]', or leave it out")

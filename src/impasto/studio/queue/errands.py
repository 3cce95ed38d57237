"""What the painter does for each kind of job."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import cast

from impasto.api.base import Base
from impasto.core.errors import ConfigError
from impasto.core.events import Event, Progress
from impasto.generation.text_to_image import Opened
from impasto.studio.captions import suggest
from impasto.studio.concepts import divide_set
from impasto.studio.kinds import KINDS, drawing_of
from impasto.studio.queue.jobs import Spec
from impasto.studio.teaching import training_of
from impasto.training.train import train

Open = Callable[[str], object]


def events_of(spec: Spec, out: Path, open_base: Open) -> Generator[Event]:
    """Return what happens during a job.

    Args:
        spec: What is wanted.
        out: Where pictures go.
        open_base: Returns the base of a name.
    """
    if spec.kind == "plan":
        return _plan(spec, open_base)
    if spec.kind == "divide":
        return _divide(spec)
    if spec.kind == "suggest":
        return _suggest(spec)
    if spec.kind in KINDS:
        return _draw(spec, out, open_base)
    raise ConfigError(f"nothing is known of jobs of kind {spec.kind!r}")


def _draw(spec: Spec, out: Path, open_base: Open) -> Generator[Event]:
    options, draw = drawing_of(spec.kind, spec.settings, out)
    base = cast(Base, open_base(options.base))
    return draw(Opened(base.model))


def _divide(spec: Spec) -> Generator[Event]:
    folder, pictures = _set_of(spec)
    yield Progress("looking at pictures", 0, len(pictures))
    divide_set(folder, pictures, str(spec.settings["base"]))
    yield Progress("looking at pictures", len(pictures), len(pictures))


def _suggest(spec: Spec) -> Generator[Event]:
    folder, pictures = _set_of(spec)
    yield Progress("looking at pictures", 0, len(pictures))
    suggest(folder, pictures, str(spec.settings["base"]), str(spec.settings["called"]))
    yield Progress("looking at pictures", len(pictures), len(pictures))


def _set_of(spec: Spec) -> tuple[Path, list[Path]]:
    pictures = [Path(str(each)) for each in cast("list[object]", spec.settings["pictures"])]
    return Path(str(spec.settings["folder"])), pictures


def _plan(spec: Spec, open_base: Open) -> Generator[Event]:
    settings = {**spec.settings, "dry_run": True}
    options, method = training_of(str(settings.pop("method")), settings)
    base = cast(Base, open_base(options.base))
    return train(options, method, base=base.model)

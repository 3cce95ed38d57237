"""Measure drawn pictures: a generator of events, one `Measured` for every number."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from impasto.core.errors import ConfigError, DataError
from impasto.core.events import Event, Measured, Planned
from impasto.core.files import refuse_existing, refuse_folder, write_text
from impasto.core.versions import library_versions
from impasto.data.images import Picture, list_pictures
from impasto.data.measured import count_lossy, read_measured, refuse_other_size
from impasto.data.packs import pictures_of
from impasto.evaluation.feature_sets import (
    FEWEST,
    FeatureExtractor,
    Named,
    as_json,
    features_of,
    is_read_whole,
    measure_all,
    pairs_by_name,
    places_of,
)
from impasto.evaluation.options import EvaluateOptions
from impasto.evaluation.prompts import Prompts, find_prompts
from impasto.features._open import open_features, without_folders
from impasto.features._protocol import Extractor, Reader
from impasto.metrics._protocol import Measurement
from impasto.models.open import choose_device


def evaluate(options: EvaluateOptions) -> Generator[Event]:
    """Yield a plan, progress, then one `Measured` for every number; writes `options.out` last.

    Raises:
        DataError: Pictures cannot be measured, or are too few.
        ConfigError: An option has no effect, or names nothing.
        PluginError: The extractor is unknown, or a package that it needs is not installed.
    """
    given = _gather(options)
    extractor = open_features(options.features, choose_device(options.device))
    notes = _notes(given, options, extractor)
    yield _plan(options, given, notes)
    features: dict[str, list[Tensor]] = {}
    named = {"drawn": _named(given.drawn), "reference": _named(given.real), "training": _named(given.training)}
    for name, pictures in named.items():
        yield from features_of(extractor, pictures, f"features, {name}", features.setdefault(name, []))
    judge = FeatureExtractor(
        extractor=extractor,
        names=tuple(each.name for each in named["reference"]),
        real=torch.cat(features["reference"]),
        real_places=places_of(extractor, named["reference"]),
        training=torch.cat(features["training"]) if given.training else None,
    )
    found = measure_all(judge.sets(torch.cat(features["drawn"]), named["drawn"], given.prompts))
    for each in found:
        yield as_event(each)
    if options.out is not None:
        write_text(options.out, json.dumps(_facts(options, found, notes), indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class _Given:
    drawn: list[Picture]
    real: list[Picture]
    training: list[Picture]
    prompts: Prompts | None


def _gather(options: EvaluateOptions) -> _Given:
    """Return all pictures and words, read and checked."""
    if options.out is not None:
        refuse_folder(options.out, "--out")
        refuse_existing(options.out, "--out", overwrite=options.overwrite)
    drawn = _read(list_pictures(options.images, "IMAGES"), "IMAGES", str(options.images), options.resize)
    reference = pictures_of(options.reference, "reference", "--reference")
    real = _read(reference, "--reference", options.reference, options.resize)
    training = []
    if options.training is not None:
        learnt = pictures_of(options.training, "style", "--training")
        training = read_measured(learnt, "--training", side=options.resize, may_be_lossy=True)
    for others, option in ((real, "--reference"), (training, "--training")):
        for other in others[:1]:
            refuse_other_size(drawn[0], other, f"{option} beside IMAGES")
    prompts = find_prompts([picture.path for picture in drawn], options.prompts, options.style_words)
    return _Given(drawn, real, training, prompts)


def as_event(measurement: Measurement) -> Measured:
    """Return a measurement as an event."""
    return Measured(
        measurement.name,
        measurement.value,
        measurement.standard_error,
        measurement.better,
        measurement.counts,
        measurement.warning,
    )


def _read(paths: Sequence[Path], option: str, given: str, side: int | None) -> list[Picture]:
    pictures = read_measured(paths, option, side=side, may_be_lossy=option == "--reference")
    if len(pictures) < FEWEST:
        raise DataError(
            f"{option} {given} holds {len(pictures)} pictures: at least {FEWEST} are needed, hundreds for small errors"
        )
    return pictures


def _named(pictures: Sequence[Picture]) -> list[Named]:
    return [Named(picture.path.stem, picture.image) for picture in pictures]


def _plan(options: EvaluateOptions, given: _Given, notes: tuple[str, ...]) -> Planned:
    size, training = given.drawn[0].image.size, given.training
    rows = [
        ("drawn", f"{len(given.drawn)} from {options.images}"),
        ("reference", f"{len(given.real)} from {options.reference}"),
        *((("training", f"{len(training)} from {options.training}"),) if training else ()),
        ("size", f"{size[0]}x{size[1]}" + (", resized" if options.resize else "")),
        ("features", options.features),
    ]
    return Planned(tuple(rows), notes)


def _notes(given: _Given, options: EvaluateOptions, extractor: Extractor) -> tuple[str, ...]:
    """Return what is not measured and why.

    Raises:
        ConfigError: Words are given to an extractor that reads none.
    """
    notes = _notes_on_lossy(given)
    prompts = given.prompts
    if not pairs_by_name(*([each.path.stem for each in pictures] for pictures in (given.drawn, given.real))):
        notes.append("no content similarity: no drawn picture has the name of one in the reference")
    if not isinstance(extractor, Reader):
        if options.prompts is not None or options.style_words:
            option = f"--prompts {options.prompts}" if options.prompts else f"--style-words {options.style_words!r}"
            raise ConfigError(f"{option} has no effect with features {options.features}: they read no words")
        notes.append(f"no text alignment: features {options.features} read no words")
    elif prompts is None:
        notes.append("no text alignment: pictures have neither sidecar nor caption, and --prompts names no file")
    else:
        if prompts.styled is None:
            notes.append("prompts are measured whole: --style-words tells the words of the style from the rest")
        long = sum(not is_read_whole(extractor, each) for each in prompts.styled or prompts.bare)
        if long:
            limit = extractor.token_limit
            notes.append(f"{long} prompts have more than {limit} tokens: read in windows, whose mean counts")
    if options.training is None:
        notes.append("copying is not measured: --training names the pictures that the style was learnt from")
    return tuple(notes)


def _notes_on_lossy(given: _Given) -> list[str]:
    lossy, count = count_lossy(given.real), len(given.real)
    if not lossy:
        return []
    return [f"{lossy} of {count} reference pictures are no PNG: what their compression did counts as style a little"]


def _facts(options: EvaluateOptions, found: Sequence[Measurement], notes: tuple[str, ...]) -> dict[str, object]:
    return {
        "features": without_folders(options.features),
        "resize": options.resize,
        "style_words": options.style_words,
        "measured": [as_json(each) for each in found],
        "notes": list(notes),
        "versions": library_versions(),
    }

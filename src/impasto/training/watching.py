"""What measures the steps of a run: made before the plan, since the plan says how often and at what cost."""

from __future__ import annotations

import time

import torch

from impasto.core.events import Planned
from impasto.data.captions import called_prompt, words_lead
from impasto.data.images import fit_square
from impasto.features._open import open_features
from impasto.features._protocol import Extractor, Reader
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.methods._protocol import Method
from impasto.metrics.nearest import nearest
from impasto.models.computing.timing import seconds_of_pass
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.source import POCKET
from impasto.training.configs.keeping import AUTO
from impasto.training.dataset import Gathered, concept_words
from impasto.training.held_out.interval import interval
from impasto.training.held_out.judge import Judge, centred_copies_of, words_of
from impasto.training.held_out.watch import Watch
from impasto.training.options import TrainOptions
from impasto.training.plan import side_of

_DRAWN, _STEPS, _NO_GUIDANCE = 8, 8, 1.0
"""Pictures of a measurement, steps of each: enough to tell training steps apart, at a fraction of a sample's cost."""
_SEED = 4321
_SHARPEST = 256


def watch_of(
    options: TrainOptions,
    method: Method,
    base: LatentDiffusion,
    gathered: Gathered,
    seconds: float,
    every: int | None = None,
) -> Watch | None:
    """Return what measures the run's steps, or None where nothing is held out.

    Args:
        options: Of the run.
        method: Its words call the style.
        base: With what learns attached.
        gathered: The pictures of the run.
        seconds: Expected duration of all steps.
        every: Steps between measurements of a run that is resumed; by default what the options or the time say.
    """
    if not gathered.held_out:
        return None
    extractor, reader = _features(options, base)
    started = time.perf_counter()
    judge = _judge(options, method, base, gathered, (extractor, reader))
    a_picture = (time.perf_counter() - started) / len(gathered.held_out)
    a_measurement = _DRAWN * (a_picture + _seconds_of_decoding(base, judge.look)) + _seconds_of_passes(base, judge.look)
    often = interval(options.steps, seconds, a_measurement, every or options.held_out_every)
    return Watch(judge, often, options.stop_early)


def with_watch(plan: Planned, watch: Watch | None, options: TrainOptions, gathered: Gathered) -> Planned:
    """Return the plan with what it says of measuring."""
    if watch is None:
        return plan
    row = ("held out", _described(watch, options, len(gathered.held_out)))
    return Planned((*plan.rows, row), (*plan.notes, *_notes_on(gathered)))


def _described(watch: Watch, options: TrainOptions, count: int) -> str:
    source = options.held_out or "the style pictures"
    judge, often = watch.judge, watch.interval
    reads = "and the match with their words" if judge.words is not None else "and no match with words"
    ends = f", ends after {watch.patience} without a better one" if watch.patience else ""
    return (
        f"{count} from {source}, measured every {often.every} steps (distance {reads}; {len(judge.requests)} "
        f"pictures of {judge.look.steps} steps, {often.count} times, about {often.share:.0%} of the time){ends}"
    )


def _notes_on(gathered: Gathered) -> list[str]:
    without = [each.path.name for each in gathered.held_out if each.path not in gathered.captions]
    if not without:
        return []
    told = f"{len(without)} of {len(gathered.held_out)} held-out pictures have no caption ({without[0]})"
    return [f"{told}: they are asked for with the style words alone, and the match with words is not measured"]


def _features(options: TrainOptions, base: LatentDiffusion) -> tuple[Extractor, Reader | None]:
    device = torch.device("cpu")
    if options.held_out_features != AUTO:
        chosen = open_features(options.held_out_features, device)
        return chosen, chosen if isinstance(chosen, Reader) else None
    strokes = open_features(f"strokes:{min(base.resolution, _SHARPEST)}", device)
    read = open_features(POCKET, device) if options.base == POCKET else None
    return strokes, read if isinstance(read, Reader) else None


def _judge(
    options: TrainOptions,
    method: Method,
    base: LatentDiffusion,
    gathered: Gathered,
    features: tuple[Extractor, Reader | None],
) -> Judge:
    extractor, reader = features
    side = side_of(options, base)
    held_out, shown = gathered.held_out, [each for part in gathered.pictures.values() for each in part]
    chosen = [held_out[index * max(len(held_out), _DRAWN) // _DRAWN % len(held_out)] for index in range(_DRAWN)]
    captions = [gathered.captions.get(each.path, "") for each in chosen]
    lead = words_lead(concept_words(method), captions=options.captions)
    requests = tuple(
        ImageRequest(called_prompt(caption, method.style_words(), lead=lead), _SEED + index)
        for index, caption in enumerate(captions)
    )
    real = [fit_square(each.read(), side)[0] for each in held_out]
    training = centred_copies_of([each.read() for each in shown])
    unseen, _ = nearest(centred_copies_of(real), training)
    return Judge(
        requests=requests,
        look=SamplingParams(_STEPS, _NO_GUIDANCE, side, side, batch=_DRAWN),
        extractor=extractor,
        has_unit_length=extractor.has_unit_length,
        real=extractor.extract(real),
        reader=reader,
        words=words_of(reader, captions),
        training=training,
        unseen=unseen,
    )


@torch.no_grad()
def _seconds_of_decoding(base: LatentDiffusion, look: SamplingParams) -> float:
    latents = torch.zeros((1, *base.latent_shape(look.height, look.width)), device=base.device, dtype=base.dtype)
    base.decode(latents)  # the first one warms up
    started = time.perf_counter()
    base.decode(latents).sum().item()
    return time.perf_counter() - started


def _seconds_of_passes(base: LatentDiffusion, look: SamplingParams) -> float:
    return look.steps * seconds_of_pass(base, _DRAWN, look.height)

"""Train a method on a base: a generator of events.

The base is borrowed for as long as the generator lives. Close it when leaving early:

    with contextlib.closing(train(options, method)) as events:
        for event in events: ...
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import replace

import torch

from impasto.adapters.average import Average
from impasto.adapters.learnable import Learnable, learning
from impasto.core.checkpoints import remove_checkpoints
from impasto.core.errors import ConfigError, ResourceError
from impasto.core.events import Corrected, Event
from impasto.core.rng import generator
from impasto.core.store import TensorStore, store_folder
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import notes_on_precision, open_base
from impasto.reporting.trackers import open_tracker
from impasto.style.attach import attached
from impasto.style.references import fit_styles, load_styles
from impasto.training.checkpoints.fingerprint import base_facts, identity_of, refuse_other_base
from impasto.training.checkpoints.resume import COMPLETE, Left, find_left
from impasto.training.control_files import Steering
from impasto.training.dataset import gather
from impasto.training.distributed import Processes
from impasto.training.distributed_run import together
from impasto.training.held_out.watch import saved_interval
from impasto.training.long_captions import notes_on_long_captions
from impasto.training.optimizers import new_optimizer, parameter_groups
from impasto.training.options import TrainOptions
from impasto.training.plan import Estimate, check_options, describe_run
from impasto.training.resources.disk import refuse_low_disk
from impasto.training.resources.memory_fit import estimate_of, fit_memory
from impasto.training.run_folder import RunFolder
from impasto.training.runner import Run
from impasto.training.state import TrainState
from impasto.training.tracking import track
from impasto.training.watching import watch_of, with_watch


def train(
    options: TrainOptions,
    method: Method,
    *,
    stop: Callable[[], bool] = lambda: False,
    base: LatentDiffusion | None = None,
) -> Generator[Event]:
    """Yield what happens while a style is learnt; the last event is `Saved`.

    Args:
        options: Shared options.
        method: What is learnt and minimised.
        stop: Asked between steps; when it says yes, what was learnt so far is saved and the run ends.
        base: A base that is open already, in place of opening the one that the options name.

    Raises:
        ImpastoError: Whatever the user can mend; see `core/errors.py`.
    """
    with together(options) as (processes, options):
        yield from _train(options, method, processes, stop, base)


def _train(
    options: TrainOptions,
    method: Method,
    processes: Processes,
    stop: Callable[[], bool],
    base: LatentDiffusion | None,
) -> Generator[Event]:
    check_options(options)
    gathered = gather(options, method)
    styles = load_styles(options.attach)
    store = TensorStore(store_folder(options.cache))
    identity = identity_of(options, method, gathered)
    with RunFolder(options.run_folder(), resume=options.resume, private=_paths_in(options)) as folder:
        left = find_left(folder, options, identity) if options.resume else None
        base = _opened(options, method) if base is None else _able_to_learn(base, method)
        base.fingerprint()  # taken and kept while the base is untouched
        notes = [*left.notes, *refuse_other_base(left.base, base, folder.folder)] if left else []
        notes += [*base.notes, *notes_on_precision(options.precision, base.device)]
        kept = [(named.style, named.scale) for named in fit_styles(base, styles)]
        with attached(base, kept), learning(method.adapters(base, generator(options.seed))) as learnable:
            notes += notes_on_long_captions(method, base, gathered)
            fitted = fit_memory(options, method, base, learnable, gathered)
            options = fitted.options
            cost = estimate_of(fitted, method, base, gathered)
            often = saved_interval(left.checkpoint.facts.get("held_out")) if left and left.checkpoint else None
            measuring = gathered if processes.is_first else replace(gathered, held_out=())
            watch = watch_of(options, method, base, measuring, cost.seconds, often)
            plan = describe_run(options, method, base, gathered, learnable, cost)
            plan = with_watch(plan, watch, options, gathered)
            plan = replace(plan, rows=(*plan.rows, *_rows_on(left)), notes=(*plan.notes, *notes))
            options.what_is_minimised().check(base.process)
            state = _new_state(options, learnable, base.device)
            refuse_low_disk(options, method, state, folder.folder)
            yield plan
            if options.dry_run:
                return
            settings = options.model_dump(mode="json") | method.settings.model_dump(mode="json")
            folder.begin(settings, dict(plan.rows), _known(cost, options.steps, identity, base))
            run = Run(options, method, base, store, state, folder, gathered, identity, cost, left, processes, watch)
            yield from _tracked(run, _logged(run, stop))


def _known(cost: Estimate, steps: int, identity: Mapping[str, object], base: LatentDiffusion) -> dict[str, object]:
    """Return what `run.json` remembers: what the run is expected to take, and what whoever resumes it compares."""
    expected = {"seconds_a_step": cost.seconds / steps, "peak_bytes": cost.bytes}
    return {"expected": expected, "identity": identity, "base": base_facts(base)}


def _opened(options: TrainOptions, method: Method) -> LatentDiffusion:
    precision = "fp32" if method.kind() == "full" else options.precision
    return open_base(
        options.base,
        device=options.device,
        precision=precision,
        **options.overrides(),
    )


def _able_to_learn(base: LatentDiffusion, method: Method) -> LatentDiffusion:
    if method.kind() == "full" and base.dtype is not torch.float32:
        raise ConfigError(
            f"{method.name} trains the weights themselves, and this base holds them as {base.dtype}: open it with "
            "precision fp32, or train low rank (learn = lora)"
        )
    return base


def _new_state(options: TrainOptions, learnable: Learnable, device: torch.device) -> TrainState:
    parameters = learnable.parameters()
    groups = parameter_groups(learnable, options.learning_rate, options.text_learning_rate)
    optimizer = new_optimizer(options.optimizer, groups, options.learning_rate, device, options.weight_decay)
    average = None if options.ema is None else Average(parameters, options.ema)
    return TrainState(learnable, optimizer, generator(options.seed), device, average=average)


def _logged(run: Run, stop: Callable[[], bool]) -> Generator[Event]:
    """Yield the events of `run`, with each in its log; however it ends, `run.json` says how."""
    folder, outcome = run.folder, "failed"
    try:
        for event in run.events(Steering(folder.folder, stop)):
            folder.log(event)
            if isinstance(event, Corrected):
                folder.add({"measured": {"seconds_a_step": event.seconds, "peak_bytes": event.peak}})
            yield event
        outcome = COMPLETE if run.is_complete else f"stopped after step {run.state.step}"
    except ResourceError as error:  # a log or a sample could not be written: the weights are worth more than these
        saved = run.files.rescue()
        if saved is None:
            raise
        raise ResourceError(f"{error}; the style of step {run.state.step} is in {saved}") from error
    finally:
        if outcome == "failed":
            with suppress(ResourceError):  # it would hide what went wrong
                folder.finish(outcome, run.state.losses)
    folder.finish(outcome, run.state.losses)
    if run.is_complete and not run.options.checkpoint_every:
        remove_checkpoints(folder.checkpoints)
        run.files.held_out.clear()


def _tracked(run: Run, events: Generator[Event]) -> Generator[Event]:
    """Yield `events`, and tell the run's tracker."""
    options = run.folder.saved_facts.get("options")
    config = options if isinstance(options, dict) else {}
    after = 0 if run.left is None else run.left.step
    tracker = open_tracker(run.options.track, run.folder.folder, config, after)
    with closing(events), closing(tracker):
        for event in events:
            track(tracker, event)
            yield event


def _paths_in(options: TrainOptions) -> list[str]:
    given = [options.base, options.style_images, options.aux_images, str(options.out), *options.attach]
    given += [options.held_out, options.vae]
    return [each for each in given if each]


def _rows_on(left: Left | None) -> list[tuple[str, str]]:
    if left is None:
        return []
    return [
        (
            "goes on",
            f"after step {left.step}" if left.checkpoint else "at step 1: it was ended before its first checkpoint",
        )
    ]

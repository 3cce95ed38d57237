"""A training run from its pictures to its style file, as a generator of events."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from torch import nn

from impasto.core.checkpoints import Checkpoint, write_checkpoint
from impasto.core.errors import ResourceError, RunError, TrainingDiverged
from impasto.core.events import Checkpointed, Event, Noted
from impasto.core.files import clear_staged
from impasto.core.shell import command
from impasto.core.store import TensorStore
from impasto.data.images import PictureFile
from impasto.data.streams import Example
from impasto.methods._protocol import Method
from impasto.models.cached_encoders import CachedEncoders
from impasto.models.computing.compiling import Compiled
from impasto.models.computing.offloading import OffloadedModules
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.training.acceleration import training_mode
from impasto.training.checkpoints.fingerprint import base_facts
from impasto.training.checkpoints.resume import Left, table_of
from impasto.training.control_files import PAUSE, RESUME, Steering
from impasto.training.crops import cuts_of
from impasto.training.dataset import Gathered, picture_hashes
from impasto.training.distributed import Processes
from impasto.training.encoding import (
    GeneratedStream,
    Shown,
    draw_aux,
    drawn_before,
    encode_streams,
    generated_streams,
)
from impasto.training.held_out.watch import Watch
from impasto.training.microbatches import MicroBatches
from impasto.training.options import TrainOptions
from impasto.training.plan import Estimate, side_of
from impasto.training.resources.measured import corrected
from impasto.training.run_folder import RunFolder
from impasto.training.samples.samples import Samples
from impasto.training.state import TrainState
from impasto.training.step import Diverged, Learner, Stepper
from impasto.training.style_files import StyleFiles


@dataclass
class Run:
    """One run.

    Attributes:
        options: Shared options.
        method: What is learnt and minimised.
        base: With everything attached.
        store: Keeps what frozen encoders say.
        state: What the steps change.
        folder: Where it writes.
        gathered: The pictures of each stream, checked.
        identity: What makes it this run.
        cost: What it is expected to take.
        left: What it goes on from, or None for a new run.
        processes: Those that train together.
        watch: Measures steps on held-out pictures, or None.
    """

    options: TrainOptions
    method: Method
    base: LatentDiffusion
    store: TensorStore
    state: TrainState
    folder: RunFolder
    gathered: Gathered
    identity: Mapping[str, object]
    cost: Estimate
    left: Left | None = None
    processes: Processes = Processes()  # noqa: RUF009 - frozen
    watch: Watch | None = None
    _pictures: dict[str, tuple[PictureFile, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frozen: list[nn.Module] = [self.base.vae]
        keeps_prompts = not self.state.learnable.learns_text()
        if keeps_prompts:
            frozen += self.base.text_encoders().values()
        self._offloaded = OffloadedModules(frozen, self.base.device)
        objective = self.options.what_is_minimised()
        self._encoders = CachedEncoders(
            self.base, self.store, self._offloaded, keeps_prompts=keeps_prompts, objective=objective
        )
        self.samples = Samples(self.options, self.method, self.base, self.gathered, self.folder.folder)
        self.files = StyleFiles(self.options, self.method, self.base, self.state, self.folder.folder, self.watch)

    @property
    def is_complete(self) -> bool:
        """Whether all steps are done."""
        return self.state.step == self.options.steps

    def events(self, steering: Steering) -> Iterator[Event]:
        """Yield what happens; the last event is `Saved`."""
        streams: dict[str, list[Example]] = {}
        yield from self._prepare(streams)
        if self.left is not None and self.left.checkpoint is not None:
            self._restore(self.left.checkpoint)
        else:
            yield from self._sample(0, is_asked=False)
            yield from self._measure()
        with self._offloaded.on_cpu():
            yield from self._steps(streams, steering)
        if not self.is_complete or self.options.checkpoint_every:
            yield self._checkpoint()
        if not self.is_complete:
            where = command("--resume", "--run-dir", self.folder.folder)
            way = f"{where}, without --stop-early" if self._is_over else where
            yield Noted(f"stopped after step {self.state.step}: to go on, give the same command with {way}")
        yield from self.samples.verdict(self.state.step)
        yield from self.files.save()

    def _restore(self, checkpoint: Checkpoint) -> None:
        facts, folder = checkpoint.facts, checkpoint.folder
        self.state.restore(checkpoint.step, checkpoint.tensors(), table_of(facts.get("state"), folder))
        if self.watch is not None:
            self.watch.restore(table_of(facts.get("held_out"), folder), self.files.held_out.sheet)
            self._protect_best()

    def _prepare(self, streams: dict[str, list[Example]]) -> Iterator[Event]:
        """Draw what the base has to draw and encode all pictures; nothing here depends on what was learnt."""
        if self.left is not None:
            clear_staged(self.options.out)
            self.folder.go_on(self.left.step, self.left.log_bytes)
            yield Noted(f"goes on after step {self.left.step}" if self.left.checkpoint else "begins at step 1 again")
        self._pictures = dict(self.gathered.pictures)
        for drawn in self._generated_streams():
            yield from self._auxiliary(drawn)
        self.files.pictures = self._pictures
        cuts = cuts_of(self.options, self.base, self._pictures)
        shown = Shown(cuts, self.gathered.captions)
        yield from encode_streams(self._encoders, self.options, self.method, self._pictures, shown, streams)
        if not self.state.learnable.learns_text():  # known from now on: the text encoders can rest
            for prompt in {prompt: None for part in streams.values() for each in part for prompt in each.prompts()}:
                self._encoders.encode_prompts([prompt])  # one by one: all of them joined are as large as the cache
        for note in self.store.notes:
            yield Noted(note)

    def _generated_streams(self) -> list[GeneratedStream]:
        return generated_streams(self.gathered, self.folder.folder)

    def _auxiliary(self, drawn: GeneratedStream) -> Iterator[Event]:
        saved = self.left.aux if self.left is not None and self.left.checkpoint is not None else None
        hashes = saved.get(drawn.stream) if isinstance(saved, dict) else None
        found = drawn_before(self.options, drawn, hashes) if hashes is not None else None
        if found is not None:
            self._pictures[drawn.stream] = found
            return
        yield from draw_aux(self.options, self.method, self.base, drawn, self._pictures)
        if hashes is not None and picture_hashes(self._pictures)[drawn.stream] != hashes:
            raise RunError(
                f"--resume: the auxiliary pictures in {drawn.folder} were changed, and the base now draws others: "
                "begin anew with another --run-dir"
            )

    def _steps(self, streams: Mapping[str, list[Example]], steering: Steering) -> Iterator[Event]:
        with training_mode(self.options, self.base, side_of(self.options, self.base)) as blocks:
            passes = MicroBatches(self.cost.at_once)
            device = self.base.device
            learner = Learner(self.options, self.method, self._encoders, device, self.processes, passes, blocks)
            try:
                steps = self._loop(Stepper(learner, streams, self.state), blocks, steering)
                yield from corrected(steps, self.cost, device)
            except Diverged as error:
                raise self._diverged(error) from error

    def _loop(self, stepper: Stepper, blocks: Compiled, steering: Steering) -> Generator[Event]:
        while not self.is_complete:
            steering.give_way()
            if steering.pauses():
                yield from stepper.read()
            with blocks.paused():
                yield from self._pause(steering)
            if self.processes.agree(is_wanted=self._is_over or steering.stops(), device=self.base.device):
                break
            yield from stepper.take()
            for note in _taken(stepper.notes):
                yield Noted(note)
            yield from self._after_step(stepper, blocks, steering)
        yield from stepper.read()

    def _after_step(self, stepper: Stepper, blocks: Compiled, steering: Steering) -> Iterator[Event]:
        """Draw, measure and write what is due after the step that was just done."""
        options, state = self.options, self.state
        is_due = options.sample_every and (state.step % options.sample_every == 0 or self.is_complete)
        draws = is_due or steering.draws()
        measures = self._measures_now()
        saves, keeps = self._is_on_the_way(options.checkpoint_every), self._is_on_the_way(options.save_every)
        if draws or measures or saves or keeps:
            yield from stepper.read()
        if draws:
            with blocks.paused():
                yield from self._sample(state.step, is_asked=not is_due)
        if measures:
            with blocks.paused():
                yield from self._measure()
        if keeps:
            yield self.files.keep_step()
        if saves:
            yield self._checkpoint_if_possible()

    def _is_on_the_way(self, every: int) -> bool:
        """Return whether a step that comes round every so often was just done, and is not the last one."""
        return bool(every) and self.state.step % every == 0 and not self.is_complete

    def _measures_now(self) -> bool:
        return self.watch is not None and self.watch.is_due(self.state.step, is_last=self.is_complete)

    @property
    def _is_over(self) -> bool:
        """Whether --stop-early ends the run."""
        return self.watch is not None and self.watch.is_over

    def _measure(self) -> Iterator[Event]:
        """Measure what was learnt so far on held-out pictures; the best step so far is kept."""
        if self.watch is None:
            return
        step, kept = self.state.step, self.files.held_out
        with self._offloaded.on_device(), self.state.shown():
            judged, drawn = self.watch.judge.judge(self.base)
        event = self.watch.add(step, judged, kept.save_sheet(step, drawn))
        if event.is_best:
            self.files.keep_best()
        kept.save_curve(self.watch.measured, None if self.watch.best is None else self.watch.best.step)
        yield event

    def _protect_best(self) -> None:
        if self.watch is not None and self.watch.best is not None:
            self.files.held_out.protect(self.watch.best.step)

    def _pause(self, steering: Steering) -> Iterator[Event]:
        if not steering.pauses():
            return
        yield self._checkpoint()
        folder = self.folder.folder
        yield Noted(
            f"paused after step {self.state.step}: remove {folder / PAUSE}, or make {folder / RESUME}, to go on"
        )
        while steering.pauses() and not steering.stops():
            if steering.draws():
                yield from self._sample(self.state.step, is_asked=True)
            steering.wait()

    def _sample(self, step: int, *, is_asked: bool) -> Iterator[Event]:
        if not self.samples.is_wanted(is_asked=is_asked):
            if is_asked:
                yield Noted("samples were asked for, but --sample-prompts is empty: none are drawn")
            return
        with self._offloaded.on_device(), self.state.shown():
            yield from self.samples.draw(step)

    def _checkpoint(self) -> Checkpointed:
        """Write a checkpoint."""
        facts = {
            "identity": dict(self.identity),
            "base": base_facts(self.base),
            "aux": picture_hashes({each.stream: self._pictures[each.stream] for each in self._generated_streams()}),
            "log_bytes": self.folder.log_bytes(),
            "state": self.state.facts(),
        }
        if self.watch is not None:
            facts["held_out"] = self.watch.facts()
        path = write_checkpoint(self.folder.checkpoints, self.state.step, self.state.tensors(), facts)
        self._protect_best()
        return Checkpointed(self.state.step, path)

    def _checkpoint_if_possible(self) -> Event:
        """Write a checkpoint; where the disk does not allow it, the one before stays and the run goes on."""
        try:
            return self._checkpoint()
        except ResourceError as error:
            return Noted(f"no checkpoint of step {self.state.step}: {error}")

    def _diverged(self, error: Diverged) -> TrainingDiverged:
        parts = [part for batch in error.batches for part in batch.values()]
        names = ", ".join(sorted({path.name for part in parts for path in part.paths}))
        saved = self.files.save()
        return TrainingDiverged(
            f"the loss stopped being a number at step {self.state.step + 1} (pictures: {names}); the weights of step "
            f"{self.state.step} are in {saved[0].path}: lower --learning-rate (now {self.options.learning_rate:g}) or "
            "look at these pictures"
        )


def _taken(notes: list[str]) -> list[str]:
    taken = list(notes)
    notes.clear()
    return taken

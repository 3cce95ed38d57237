"""Train a method on a base: a generator of events.

The base is borrowed for as long as the generator lives. Close it when leaving early:

    with contextlib.closing(train(options, method)) as events:
        for event in events: ...
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from impasto.adapters.learnable import Learnable, learning
from impasto.base.latent_diffusion import LatentDiffusion
from impasto.base.model import BaseModel
from impasto.base.prompt_cache import CachedPrompts
from impasto.core.errors import ResourceError, TrainingDiverged
from impasto.core.events import Event, Progress, Sampled, Saved, TrainStep
from impasto.core.rng import generator
from impasto.data.captions import called_prompt
from impasto.data.encode import encode_examples
from impasto.data.images import Picture, read_picture
from impasto.data.streams import Batch, Example, draw_batch, of_step
from impasto.methods._protocol import Method
from impasto.style.attach import attached
from impasto.style.card import Card
from impasto.style.file import Style, save_style
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.open_base import choose_dtype, open_base
from impasto.workflows.run_folder import RunFolder, library_versions
from impasto.workflows.styles import fit_to, load_styles
from impasto.workflows.train_options import TrainOptions
from impasto.workflows.train_plan import (
    Gathered,
    check_options,
    concept_words,
    gather,
    picture_hashes,
    plan_of,
    side_of,
)

_SAMPLE_SEED = 1234
_SAMPLE_LOOK_STEPS = 20


def train(options: TrainOptions, method: Method, *, stop: Callable[[], bool] = lambda: False) -> Generator[Event]:
    """Yield what happens while a style is learnt; the last event is `Saved`.

    Args:
        options: Shared options.
        method: What is learnt and minimised.
        stop: Asked between steps; when it says yes, what was learnt so far is saved and the run ends.

    Raises:
        ImpastoError: Whatever the user can mend; see `core/errors.py`.
    """
    check_options(options)
    gathered = gather(options, method)
    styles = load_styles(options.attach)
    precision = "fp32" if method.kind() == "full" else options.precision
    base = open_base(options.base, device=options.device, precision=precision)
    base.fingerprint()  # taken and kept while the base is untouched
    folder = RunFolder(options.run_folder())
    kept = [(named.style, named.scale) for named in fit_to(base, styles)]
    with attached(base, kept), learning(method.adapters(base, generator(options.seed))) as learnable:
        plan = plan_of(options, method, base, gathered, learnable)
        yield plan
        if options.dry_run:
            return
        folder.begin(options.model_dump(mode="json") | method.settings.model_dump(mode="json"), dict(plan.rows))
        run = _Run(options, method, base, learnable, folder, gathered)
        outcome = "failed"
        try:
            for event in run.events(stop):
                folder.log(event)
                if isinstance(event, TrainStep):
                    folder.note_loss(event.step, event.loss)
                yield event
            outcome = "complete" if run.done == options.steps else f"stopped after step {run.done}"
        except ResourceError as error:  # a log or a sample could not be written: the weights are worth more than these
            saved = run.rescue()
            if saved is None:
                raise
            raise ResourceError(f"{error}; the style of step {run.done} is in {saved}") from error
        finally:
            folder.finish(outcome)


@dataclass
class _Run:
    options: TrainOptions
    method: Method
    base: LatentDiffusion
    learnable: Learnable
    folder: RunFolder
    gathered: Gathered
    done: int = 0
    is_saved: bool = False

    def events(self, stop: Callable[[], bool]) -> Iterator[Event]:
        pictures = dict(self.gathered.pictures)
        drawn = [stream for stream in self.gathered.source if stream not in pictures]
        for index, stream in enumerate(drawn):
            yield from self._generate_aux(stream, index, pictures)
        streams: dict[str, list[Example]] = {}
        yield from self._encode(pictures, streams)
        yield from self._sample(0)
        yield from self._steps(streams, stop)
        yield self._save(pictures, is_complete=self.done == self.options.steps)

    def _look(self) -> Look:
        side = side_of(self.options, self.base)
        return Look(_SAMPLE_LOOK_STEPS, 5.0, side, side)

    def _generate_aux(self, stream: str, place: int, pictures: dict[str, tuple[Picture, ...]]) -> Iterator[Event]:
        folder = self.folder.folder.joinpath(*stream.split(":"))
        folder.mkdir(parents=True, exist_ok=True)
        words, count = self.method.prompts()[stream], self.options.aux_count()
        requests = [Request(words, self.options.seed + place * count + index) for index in range(count)]
        paths = []
        for index, (_, image) in enumerate(draw(self.base, requests, self._look())):
            paths.append(folder / f"{index:03d}.png")
            image.save(paths[-1])
            yield Progress("drawing auxiliary pictures", index + 1, count)
        pictures[stream] = tuple(read_picture(path) for path in paths)

    def _encode(
        self, pictures: Mapping[str, tuple[Picture, ...]], streams: dict[str, list[Example]]
    ) -> Iterator[Event]:
        total = sum(len(each) for each in pictures.values()) * (2 if self.options.flips else 1)
        done = 0
        for stream, each in pictures.items():
            streams[stream] = []
            for example in encode_examples(
                self.base,
                each,
                side=side_of(self.options, self.base),
                words=self.method.prompts()[stream],
                with_captions=self.options.captions,
                with_flips=self.options.flips,
            ):
                streams[stream].append(example)
                done += 1
                yield Progress("encoding pictures", done, total)

    def _sample(self, step: int) -> Iterator[Event]:
        if not self.options.sample_every or not self.options.sample_prompts:
            return
        words, concepts = self.method.style_words(), concept_words(self.method)
        prompts = [called_prompt(prompt, words, concepts) for prompt in self.options.sample_prompts]
        requests = [Request(prompt, _SAMPLE_SEED) for prompt in prompts]
        yield Sampled(
            step, self.folder.save_samples(step, [image for _, image in draw(self.base, requests, self._look())])
        )

    def _steps(self, streams: Mapping[str, list[Example]], stop: Callable[[], bool]) -> Iterator[Event]:
        options, parameters = self.options, self.learnable.parameters()
        base: BaseModel = self.base if self.learnable.learns_text() else CachedPrompts(self.base)
        optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=1e-2, fused=True)
        rng = generator(options.seed)
        for step in range(1, options.steps + 1):
            if stop():
                return
            started = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * _rate_factor(options, step)
            batch = draw_batch(of_step(streams, step, options.seed), options.pairs, rng)
            with self._arithmetic():
                loss, terms = self.method.loss(base, batch, rng)
            torch.autograd.backward(loss)
            norm = torch.nn.utils.clip_grad_norm_(parameters, options.max_grad_norm or math.inf)
            if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
                self._give_up(step, batch)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            self.done = step
            parts = tuple((name, term.item()) for name, term in terms.items())
            yield TrainStep(step, options.steps, loss.item(), parts, time.perf_counter() - started)
            if options.sample_every and (step % options.sample_every == 0 or step == options.steps):
                yield from self._sample(step)

    def _arithmetic(self) -> torch.autocast | nullcontext[None]:
        dtype = choose_dtype(self.options.precision, self.base.device)
        if dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.base.device.type, dtype)

    def _give_up(self, step: int, batch: Batch) -> None:
        names = ", ".join(sorted({path.name for part in batch.values() for path in part.paths}))
        saved = self._save(self.gathered.pictures, is_complete=False)
        raise TrainingDiverged(
            f"the loss stopped being a number at step {step} (pictures: {names}); the weights of step {self.done} "
            f"are in {saved.path}: lower --learning-rate (now {self.options.learning_rate:g}) or look at these pictures"
        )

    def _save(self, pictures: Mapping[str, tuple[Picture, ...]], *, is_complete: bool) -> Saved:
        style = Style(self._card(pictures, is_complete=is_complete), self.learnable.tensors())
        self.is_saved = True
        try:
            save_style(self.options.out, style)
        except ResourceError as error:
            spare = self.folder.folder / self.options.out.name
            save_style(spare, style)
            raise ResourceError(f"{error}; the style is in {spare} instead") from error
        return Saved(self.options.out, self.done, is_complete)

    def rescue(self) -> Path | None:
        """Save what was learnt when the run cannot go on; returns where, or None when there is nothing or no way."""
        if self.done == 0 or self.is_saved:
            return None
        try:
            return self._save(self.gathered.pictures, is_complete=False).path
        except ResourceError:
            return None

    def _card(self, pictures: Mapping[str, tuple[Picture, ...]], *, is_complete: bool) -> Card:
        not_told = {"sample_prompts", "dry_run", "out", "run_dir", "attach"}
        config = self.options.model_dump(mode="json", exclude=not_told) | self.method.settings.model_dump(mode="json")
        for name in ("base", "style_images", "aux_images"):
            config[name] = _without_folders(config[name])
        config |= {name: " ".join(map(str, value)) for name, value in config.items() if isinstance(value, list)}
        return Card(
            method=self.method.name,
            paper=self.method.paper.arxiv,
            kind=self.method.kind(),
            family=self.base.family,
            base=_without_folders(self.options.base) or self.options.base,
            fingerprint=self.base.fingerprint(),
            style_words=self.method.style_words(),
            content_words=self.method.content_words(),
            roles={role: list(blocks) for role, blocks in self.method.roles(self.base).items()},
            new_tokens=self.method.new_tokens(),
            concepts=concept_words(self.method),
            steps=self.done,
            is_complete=is_complete,
            loss=round(self.folder.mean_loss(), 6),
            config=config,
            versions=library_versions(),
            pictures=picture_hashes(pictures),
        )


def _without_folders(given: str | None) -> str | None:
    """Return the last part of a path that exists here; cards hold no paths of anybody's machine."""
    return Path(given).name if given is not None and Path(given).exists() else given


def _rate_factor(options: TrainOptions, step: int) -> float:
    if options.rate_schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - 1) / options.steps))

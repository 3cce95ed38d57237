"""Draw the samples of a run while it learns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from impasto.core.errors import ImpastoError
from impasto.core.events import Event, Noted, Sampled, Verdict
from impasto.core.files import is_file, write_text
from impasto.data.captions import called_prompt, words_lead
from impasto.data.images import PictureFile, fit_square
from impasto.data.streams import STYLE, kind_of
from impasto.features._open import open_features
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.source import POCKET
from impasto.training.dataset import Gathered, concept_words
from impasto.training.encoding import sample_look
from impasto.training.options import TrainOptions
from impasto.training.samples.sheet import SampleSheet
from impasto.training.samples.subjects import SubjectsShown
from impasto.training.samples.verdict import (
    Rated,
    best_step,
    distance_to_style,
    distance_within,
    moved,
    words_lost_since,
    worse_since,
)

_SEED = 1234
_FEATURES = "strokes"
_COMPARED = 16
"""So many style pictures are compared with."""
_RATED = "samples.json"


@dataclass
class Samples:
    """The sample pictures of a run.

    Attributes:
        options: Of the run.
        method: Its words call the style.
        base: What draws.
        gathered: The pictures of the run.
        folder: The run folder.
    """

    options: TrainOptions
    method: Method
    base: LatentDiffusion
    gathered: Gathered
    folder: Path

    def is_wanted(self, *, is_asked: bool) -> bool:
        """Return whether there is anything to draw now."""
        return bool(self.options.sample_prompts and (self.options.sample_every or is_asked))

    def draw(self, step: int) -> Iterator[Event]:
        """Draw the samples of a step with the base as it is now."""
        prompts, look = self.options.sample_prompts, sample_look(self.options, self.base)
        lead = words_lead(concept_words(self.method), captions=self.options.captions)
        words = self.method.style_words()
        requests = [ImageRequest(called_prompt(prompt, words, lead=lead), _SEED) for prompt in prompts]
        drawn = [image for _, image in draw(self.base, requests, look)]
        yield Sampled(step, self._sheet.add(step, drawn))
        self._rate(step, drawn)
        if step < self.options.steps:
            yield from self._verdicts(step, is_final=False)

    def verdict(self, step: int) -> Iterator[Event]:
        """Say whether the training worked, if it can be told: samples of the untrained base and of another step."""
        try:
            found = self._verdicts(step, is_final=True)
        except ImpastoError as error:  # the style is not saved yet
            yield Noted(f"no verdict: {error}")
            return
        if not found and self.options.sample_prompts and self.options.sample_every:
            yield Noted("no verdict: there are no samples of the untrained base and of a later step")
        yield from found

    def _verdicts(self, step: int, *, is_final: bool) -> list[Verdict]:
        """Return what can be told after a step: one verdict or none."""
        rated = [each for each in self._rated() if each.step <= step]
        if len(rated) < 2 or rated[0].step != 0:
            return []
        last, within = rated[-1], distance_within(self._style_features)
        found = Verdict(
            step=last.step,
            moved=moved(last, rated[0], within),
            kept=last.kept,
            kept_before=rated[0].kept,
            asked=last.asked,
            worse_since=worse_since(rated, within),
            words_lost_since=words_lost_since(rated),
            best=best_step(rated, within),
            is_final=is_final,
            sheet=self._sheet.path,
        )
        return [found]

    @cached_property
    def _pictures(self) -> list[Image.Image]:
        side = sample_look(self.options, self.base).height
        files: list[PictureFile] = [
            picture for stream, found in self.gathered.pictures.items() if kind_of(stream) == STYLE for picture in found
        ]
        return [fit_square(each.read(), side)[0] for each in files[:_COMPARED]]

    @cached_property
    def _sheet(self) -> SampleSheet:
        return SampleSheet(self.folder, self.options.sample_prompts, self._pictures)

    @cached_property
    def _style_features(self) -> Tensor:
        return open_features(_FEATURES, torch.device("cpu")).extract(self._pictures)

    @cached_property
    def _subjects(self) -> SubjectsShown:
        return SubjectsShown()

    def _rate(self, step: int, drawn: Sequence[Image.Image]) -> None:
        features = open_features(_FEATURES, torch.device("cpu")).extract(drawn)
        kept, asked = None, 0
        if self.base.recipe == POCKET:
            kept, asked = self._subjects.count(self.options.sample_prompts, drawn)
        rated = Rated(step, distance_to_style(features, self._style_features), kept if asked else None, asked)
        rows = [each for each in self._rated() if each.step < step] + [rated]
        write_text(self._rated_file, json.dumps([asdict(each) for each in rows], indent=2) + "\n")

    @property
    def _rated_file(self) -> Path:
        return self.folder / _RATED

    def _rated(self) -> list[Rated]:
        """Return what was measured so far; nothing where the file cannot be read: a verdict is worth no failure."""
        if not is_file(self._rated_file):
            return []
        try:
            return [Rated(**row) for row in json.loads(self._rated_file.read_text("utf-8"))]
        except (OSError, ValueError, TypeError):
            return []

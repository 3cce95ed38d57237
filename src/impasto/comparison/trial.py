"""One trial of a comparison: a method on a style with a seed, trained, drawn and measured. Its file is its cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from impasto.comparison.config import BASE_ROW
from impasto.core.config import validated
from impasto.core.errors import DataError
from impasto.core.events import TrainStep
from impasto.core.files import write_text
from impasto.data.captions import called_prompt, caption_of
from impasto.data.decompose import called_by_clause
from impasto.data.images import fit_square
from impasto.data.measured import read_measured
from impasto.data.packs import pictures_of
from impasto.data.png import write_png
from impasto.evaluation.feature_sets import FeatureExtractor, Named, as_json, extractor_of, features_of, measure_all
from impasto.evaluation.prompts import Prompts
from impasto.features._open import open_features
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics._protocol import Measurement
from impasto.models.checks.base_facts import BaseFacts
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_device, open_base
from impasto.models.samplers import Sampler
from impasto.registry.methods import find_method, make_method
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.training.options import TrainOptions
from impasto.training.train import train

_CURVE = 200
"""Points of a loss curve that are kept."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is trained, drawn and measured. Plain values only: it travels to other processes.

    Attributes:
        row: Name in the report.
        method: Plug-in, or "base".
        style: Name in the report.
        seed: Seed of the training and of the pictures that are drawn.
        values: Options of training and method, without those that say where files go.
        reference: Real pictures with captions: a folder, or pack:NAME.
        training: The style pictures: a folder, or pack:NAME.
        drawing: base, features, sampler, steps, guidance_scale, num_prompts, threads, style_words; decompose where
            style words stand in each clause of a prompt.
        device: Where to compute.
        out: The comparison's folder.
        key: Hash of all that the numbers depend on.
        strengths: Scales at which the style is drawn and measured besides.
    """

    row: str
    method: str
    style: str
    seed: int
    values: Mapping[str, object]
    reference: str
    training: str
    drawing: Mapping[str, object]
    device: str
    out: Path
    key: str
    strengths: tuple[float, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its pictures are."""
        return self.out / "trials" / self.key

    @property
    def file(self) -> Path:
        """Its numbers; written last, so that a trial without it is not done."""
        return self.folder / "trial.json"

    def facts_of_base(self) -> BaseFacts:
        """Return what the comparison says of its base."""
        given = {name: value for name, value in self.drawing.items() if name in BaseFacts.model_fields}
        return BaseFacts.model_validate(given)

    def label(self) -> str:
        """Return how messages call it."""
        return f"{self.row} on {self.style}, seed {self.seed}"


def key_of(facts: Mapping[str, object]) -> str:
    """Return the hash of all that a trial's numbers depend on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def read_subjects(reference: str, limit: int | None) -> tuple[list[Named], list[str]]:
    """Return the reference's pictures and the captions of the first `limit` (all if None).

    Raises:
        DataError: A picture has no caption: it could not be asked for in words.
    """
    pictures = read_measured(pictures_of(reference, "reference", "reference"), "reference", side=None)
    captions = []
    for picture in pictures[:limit]:
        caption = caption_of(picture.path)
        if caption is None:
            raise DataError(f"reference {picture.path} has no caption: write what it shows to {picture.path.stem}.txt")
        captions.append(caption)
    return [Named(picture.path.stem, picture.image) for picture in pictures], captions


def run_trial(trial: Trial) -> None:
    """Train, draw and measure a trial; writes its pictures and then its file. Nothing is done if that is there."""
    if trial.file.is_file():
        return
    shutil.rmtree(trial.folder, ignore_errors=True)  # of a run that was killed
    started = time.monotonic()
    with fixed_threads(int(str(trial.drawing["threads"]))):
        losses: list[float] = []
        style = None if trial.method == BASE_ROW else _learn(trial, losses)
        asked = _asked(trial, style)
        base = open_base(str(trial.drawing["base"]), device=trial.device, **trial.facts_of_base().overrides())
        drawn = _draw(trial, base, style, 1.0, asked)
        _keep(trial, drawn)
        judge = _judge(trial, asked, drawn[0].image.width)
        found = _measure(judge, drawn, asked.prompts)
        strengths = [
            (scale, found if scale == 1 else _measure(judge, _draw(trial, base, style, scale, asked), asked.prompts))
            for scale in trial.strengths
        ]
    facts = {
        "row": trial.row,
        "method": trial.method,
        "style": trial.style,
        "seed": trial.seed,
        "values": dict(trial.values),
        "drawing": dict(trial.drawing),
        "prompts": list(asked.prompts.bare),
        "drawn_with": list(asked.prompts.styled or asked.prompts.bare),
        "pictures": [each.name for each in drawn],
        "measured": [as_json(each) for each in found],
        "strengths": [
            {"strength": scale, "measured": [as_json(each) for each in measured]} for scale, measured in strengths
        ],
        "losses": thinned(losses),
        "seconds": round(time.monotonic() - started, 1),
    }
    write_text(trial.file, json.dumps(facts, indent=1, ensure_ascii=False, default=str) + "\n")


def thinned(losses: Sequence[float]) -> list[tuple[int, float]]:
    """Return (step, mean loss) of equal stretches, at most `_CURVE`."""
    width = max(1, -(-len(losses) // _CURVE))
    parts = [losses[first : first + width] for first in range(0, len(losses), width)]
    return [(index * width + len(part), sum(part) / len(part)) for index, part in enumerate(parts)]


def _learn(trial: Trial, losses: list[float]) -> Style:
    """Train, and return the style; its file is not kept."""
    method_class = find_method(trial.method)
    own = {name: value for name, value in trial.values.items() if name in method_class.Config.model_fields}
    shared = {name: value for name, value in trial.values.items() if name not in own}
    work = trial.folder / "work"
    where = {
        "out": work / "style.safetensors",
        "overwrite": True,
        "run_dir": work / "run",
        "seed": trial.seed,
        "device": trial.device,
    }
    options = validated(TrainOptions, shared | where, source=trial.label())
    method = make_method(method_class, validated(method_class.Config, own, source=trial.label()))
    with closing(train(options, method)) as events:
        losses += [event.loss for event in events if isinstance(event, TrainStep)]
    style = load_style(options.out)
    shutil.rmtree(work, ignore_errors=True)
    return style


@dataclass(frozen=True, slots=True)
class _Asked:
    """The reference, and the words that its pictures are asked for with."""

    real: Sequence[Named]
    prompts: Prompts


def _asked(trial: Trial, style: Style | None) -> _Asked:
    real, captions = read_subjects(trial.reference, _limit(trial))
    words = str(trial.drawing["style_words"]) if style is None else style.card.style_words
    styled = tuple(_called(trial, style, each, words) if words else each for each in captions)
    return _Asked(real, Prompts(tuple(captions), styled))


def _called(trial: Trial, style: Style | None, caption: str, words: str) -> str:
    lead = style is not None and style.card.words_lead
    if style is not None and trial.drawing.get("decompose"):
        return called_by_clause(caption, words, style.card.concepts, lead=lead)
    return called_prompt(caption, words, lead=lead)


def _draw(trial: Trial, base: LatentDiffusion, style: Style | None, scale: float, asked: _Asked) -> list[Named]:
    sampler: Sampler = trial.drawing["sampler"]  # type: ignore[assignment]
    params = SamplingParams(
        steps=int(str(trial.drawing["steps"])),
        guidance_scale=float(str(trial.drawing["guidance_scale"])),
        height=base.resolution,
        width=base.resolution,
        sampler=sampler,
        batch=8,
    )
    texts = asked.prompts.styled or asked.prompts.bare
    requests = [ImageRequest(text, picture_seed(trial.seed, index)) for index, text in enumerate(texts)]
    with attached(base, [] if style is None else [(style, scale)]):
        pairs = zip(asked.real, draw(base, requests, params), strict=False)  # pictures without a prompt come last
        return [Named(named.name, image) for named, (_, image) in pairs]


def picture_seed(seed: int, index: int) -> int:
    """Return the seed of a picture: the same for every method, another for every prompt."""
    return seed * 100_003 + index


def _keep(trial: Trial, drawn: Sequence[Named]) -> None:
    for named in drawn:
        write_png(trial.folder / f"{named.name}.png", named.image)


def _judge(trial: Trial, asked: _Asked, side: int) -> FeatureExtractor:
    extractor = open_features(str(trial.drawing["features"]), _device_of_features(trial))
    learnt = read_measured(pictures_of(trial.training, "style", "style_images"), "style_images", side=side)
    training = [Named(picture.path.stem, picture.image) for picture in learnt]
    squares = [Named(each.name, fit_square(each.image, side)[0]) for each in asked.real]
    return extractor_of(extractor, squares, training)


def _measure(judge: FeatureExtractor, drawn: Sequence[Named], prompts: Prompts) -> list[Measurement]:
    features: list[torch.Tensor] = []
    list(features_of(judge.extractor, drawn, "", features))
    return measure_all(judge.sets(torch.cat(features), drawn, prompts))


def _device_of_features(trial: Trial) -> torch.device:
    is_pocket = str(trial.drawing["features"]) == "pocket"
    return torch.device("cpu") if is_pocket else choose_device(trial.device)


def _limit(trial: Trial) -> int | None:
    limit = trial.drawing["num_prompts"]
    return None if limit is None else int(str(limit))


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Compute with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

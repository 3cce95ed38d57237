"""Named streams of training examples; every step draws anew from each.

StyleForge's authors fix the pairs of style and auxiliary pictures once at start; here they are re-drawn every step, so
that with 20 + 20 pictures a run sees up to 400 pairs.

Methods that divide the style into concepts name their streams "style:people" and "aux:people". A step then shows the
streams of one concept; every round of steps shows each concept once, in shuffled order.

Every row brings a seed of its own for whatever a method draws for it (noise, timestep). So a batch may be cut into
parts, on one device or over several, and every row still sees what it would have seen in the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.device import to_device
from impasto.core.rng import generator_at
from impasto.data.wordings import Wordings
from impasto.models.conditioning import Geometry

STYLE, AUX = "style", "aux"
"""Kinds of streams."""
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Example:
    """One training picture, encoded once.

    Attributes:
        path: The picture file.
        mean: Mean of its latents, (channels, height, width).
        std: Their standard deviation: the autoencoder's noise is drawn anew every step.
        geometry: How it was cut.
        prompt: What it is shown with.
        caption: The caption in the prompt, or nothing.
        wordings: Other prompts that it is shown with in turn, or None.
    """

    path: Path
    mean: Float[Tensor, "c h w"]
    std: Float[Tensor, "c h w"]
    geometry: Geometry
    prompt: str
    caption: str = ""
    wordings: Wordings | None = None

    def prompts(self) -> tuple[str, ...]:
        """Return every prompt that it may be shown with."""
        return (self.prompt,) if self.wordings is None else self.wordings.all()

    def shown_with(self, seed: int) -> str:
        """Return the prompt of the showing whose row has this seed."""
        return self.prompt if self.wordings is None else self.wordings.pick(seed)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one stream in a batch.

    Attributes:
        x_0: Clean latents, with the autoencoder's noise in them.
        prompts: The words of each row.
        geometry: Size and crop of each row, in pixels.
        paths: The picture file of each row.
        seeds: Of each row, for what is drawn while it is learnt from; without any, a method draws for the whole batch.
    """

    x_0: Float[Tensor, "batch c h w"]
    prompts: tuple[str, ...]
    geometry: tuple[Geometry, ...]
    paths: tuple[Path, ...]
    seeds: tuple[int, ...] = ()

    def rows(self, first: int, end: int) -> Part:
        """Return the rows from `first` up to `end`, without it."""
        return replace(
            self,
            x_0=self.x_0[first:end],
            prompts=self.prompts[first:end],
            geometry=self.geometry[first:end],
            paths=self.paths[first:end],
            seeds=self.seeds[first:end],
        )


Streams: TypeAlias = Mapping[str, Sequence[Example]]
Batch: TypeAlias = Mapping[str, Part]

_SEEDS = 2**63 - 1


def stream_of(kind: str, concept: str) -> str:
    """Return the name of the stream of a concept, or of the kind itself when the concept is empty."""
    return f"{kind}:{concept}" if concept else kind


def kind_and_concept(stream: str) -> tuple[str, str]:
    """Return what a stream is for, "style" or "aux", and its concept, or nothing."""
    kind, _, concept = stream.partition(":")
    return kind, concept


def kind_of(stream: str) -> str:
    """Return what a stream is for, "style" or "aux"."""
    return kind_and_concept(stream)[0]


def concepts_of(streams: Mapping[str, Value]) -> list[str]:
    """Return the concepts that the streams divide the style into, in order; none for undivided styles."""
    return list(dict.fromkeys(concept for name in streams if (concept := kind_and_concept(name)[1])))


def of_step(streams: Mapping[str, Value], step: int, seed: int) -> dict[str, Value]:
    """Return the streams that a step shows: all of an undivided style, or those of the concept whose turn it is.

    Args:
        streams: Values by the name of their stream.
        step: Counts from 1.
        seed: Shuffles each round; with the step it decides the concept, whatever came before.
    """
    concepts = concepts_of(streams)
    if not concepts:
        return dict(streams)
    round_, place = divmod(step - 1, len(concepts))
    order = torch.randperm(len(concepts), generator=generator_at(seed, round_)).tolist()
    chosen = concepts[order[place]]
    return {name: value for name, value in streams.items() if kind_and_concept(name)[1] == chosen}


def draw_batch(streams: Streams, per_stream: int, rng: torch.Generator) -> Batch:
    """Return `per_stream` examples of every stream, each drawn uniformly, without repeats while the stream suffices.

    All latents of a batch have one shape. Where the examples of the first stream have several (`data/buckets.py`), one
    of them, drawn uniformly, decides for all streams.
    """
    first = next(iter(streams.values()))
    if len({example.mean.shape for example in first}) > 1:
        shape = first[int(torch.randint(len(first), (1,), generator=rng))].mean.shape
        streams = {name: [each for each in part if each.mean.shape == shape] for name, part in streams.items()}
    return {name: _draw(examples, per_stream, rng) for name, examples in streams.items()}


def split(batch: Batch, size: int) -> list[Batch]:
    """Return `batch` in pieces of at most `size` rows of each stream, as even as it goes."""
    count = max(len(part.x_0) for part in batch.values())
    pieces = -(-count // size)
    edges = [count * index // pieces for index in range(pieces + 1)]
    return [{name: part.rows(a, b) for name, part in batch.items()} for a, b in pairwise(edges)]


def _draw(examples: Sequence[Example], count: int, rng: torch.Generator) -> Part:
    order: list[int] = []
    while len(order) < count:
        order += torch.randperm(len(examples), generator=rng).tolist()
    chosen = [examples[index] for index in order[:count]]
    mean = torch.stack([example.mean for example in chosen])
    std = torch.stack([example.std for example in chosen])
    noise = to_device(torch.randn(mean.shape, generator=rng), mean.device)
    seeds = tuple(torch.randint(_SEEDS, (count,), generator=rng).tolist())
    return Part(
        x_0=mean + std * noise,
        prompts=tuple(example.shown_with(seed) for example, seed in zip(chosen, seeds, strict=True)),
        geometry=tuple(example.geometry for example in chosen),
        paths=tuple(example.path for example in chosen),
        seeds=seeds,
    )

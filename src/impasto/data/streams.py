"""Named streams of training examples; every step draws anew from each.

StyleForge's authors fix the pairs of style and auxiliary pictures once at start; here they are re-drawn every step, so
that with 20 + 20 pictures a run sees up to 400 pairs.

Methods that divide the style into concepts name their streams "style:people" and "aux:people". A step then shows the
streams of one concept; every round of steps shows each concept once, in shuffled order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.base.conditioning import Geometry
from impasto.core.rng import generator_at

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
    """

    path: Path
    mean: Float[Tensor, "c h w"]
    std: Float[Tensor, "c h w"]
    geometry: Geometry
    prompt: str


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one stream in a batch."""

    x_0: Float[Tensor, "batch c h w"]
    prompts: tuple[str, ...]
    geometry: tuple[Geometry, ...]
    paths: tuple[Path, ...]


Streams: TypeAlias = Mapping[str, Sequence[Example]]
Batch: TypeAlias = Mapping[str, Part]


def stream_of(kind: str, concept: str) -> str:
    """Return the name of the stream of a concept, or of the kind itself when the concept is empty."""
    return f"{kind}:{concept}" if concept else kind


def kind_and_concept(stream: str) -> tuple[str, str]:
    """Return what a stream is for, "style" or "aux", and its concept, or nothing."""
    kind, _, concept = stream.partition(":")
    return kind, concept


def concepts_of(streams: Mapping[str, Value]) -> list[str]:
    """Return the concepts that the streams divide the style into, in order; none for undivided styles."""
    return list(dict.fromkeys(concept for name in streams if (concept := kind_and_concept(name)[1])))


def of_step(streams: Mapping[str, Value], step: int, seed: int) -> dict[str, Value]:
    """Return the streams that a step shows: all of an undivided style, or those of the concept whose turn it is.

    Args:
        streams: By name.
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


def draw_batch(streams: Streams, per_stream: int, rng: torch.Generator) -> dict[str, Part]:
    """Return `per_stream` examples of every stream, each drawn uniformly, without repeats while the stream suffices."""
    return {name: _draw(examples, per_stream, rng) for name, examples in streams.items()}


def _draw(examples: Sequence[Example], count: int, rng: torch.Generator) -> Part:
    order: list[int] = []
    while len(order) < count:
        order += torch.randperm(len(examples), generator=rng).tolist()
    chosen = [examples[index] for index in order[:count]]
    mean = torch.stack([example.mean for example in chosen])
    std = torch.stack([example.std for example in chosen])
    noise = torch.randn(mean.shape, generator=rng).to(mean.device)
    return Part(
        x_0=mean + std * noise,
        prompts=tuple(example.prompt for example in chosen),
        geometry=tuple(example.geometry for example in chosen),
        paths=tuple(example.path for example in chosen),
    )

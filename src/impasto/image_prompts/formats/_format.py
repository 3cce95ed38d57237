"""What a format of image prompt adapters is, and what reading a file of it gives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from torch import Tensor, nn

from impasto.image_prompts.adapter_file import AdapterFile
from impasto.image_prompts.style_gates import StyleGates
from impasto.models.latent_diffusion import LatentDiffusion

Features: TypeAlias = Literal["embeds", "states"]
"""What an adapter reads of a picture: the encoder's one projected embedding, or its penultimate states."""

Null: TypeAlias = Literal["zero features", "zero picture", "none"]
"""What the tokens of the unconditional branch are made from; with "none" it sees no picture at all."""


@dataclass(frozen=True, slots=True)
class Contents:
    """An adapter as it stands in a file.

    Attributes:
        title: What messages call its format.
        projection: From features to tokens, (pictures, num_tokens, width).
        features: What it reads.
        feature_width: Width of the features.
        null: What the unconditional branch is shown.
        projections: Keys and values for the tokens, by the path of the attention layer.
        gates: What StyleCrafter has besides, or None.
        changes: What it changes of the denoiser itself while it draws: ΔW by name, as `adapters.patch` takes them.
        notes: What of the file was left out, or changes more than attention.
    """

    title: str
    projection: nn.Module
    features: Features
    feature_width: int
    null: Null
    projections: Mapping[str, tuple[nn.Linear, nn.Linear]]
    gates: StyleGates | None = None
    changes: Mapping[str, Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterFormat:
    """A format.

    Attributes:
        title: What messages call it.
        matches: Whether tensors of these names are such a file.
        read: Reads it for a base, which is left alone. Raises `ConfigError` if it is damaged or does not fit.
    """

    title: str
    matches: Callable[[Collection[str]], bool]
    read: Callable[[AdapterFile, LatentDiffusion], Contents]

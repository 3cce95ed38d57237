"""What a family states about its files: frozen descriptions, which `models/families/*.py` fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FolderParts:
    """What a diffusers folder of a family holds.

    Attributes:
        networks: Class by part, as `model_index.json` names both; the denoiser first.
        tokenizers: Tokenizer by text encoder.
        arguments: What the pipeline class is told besides when it is loaded.
    """

    networks: Mapping[str, str]
    tokenizers: Mapping[str, str]
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SingleFile:
    """How a checkpoint file of a family is known.

    Attributes:
        marker: What names of some of its tensors begin with, and of no other family's.
        first_layer: The tensor that says how many channels go in, (out, in, height, width).
        channels: How many there have to be.
        configuration: Hub name whose configuration diffusers fetches for it.
    """

    marker: str
    first_layer: str
    channels: int
    configuration: str


@dataclass(frozen=True, slots=True)
class FileNames:
    """What LoRA files of other tools call the parts of a family.

    Attributes:
        original: Name in the original code by path in the denoiser; without what has no low-rank form.
        architecture: For `modelspec.architecture`.
        kohya_base: For `ss_base_model_version`.
        counted_by: Formats that count the family's blocks, by the names in `style/formats`.
    """

    original: Mapping[str, str]
    architecture: str
    kohya_base: str
    counted_by: tuple[str, ...]

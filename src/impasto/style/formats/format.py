"""What a file format is: how it calls modules, matrices and scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a reader leaves out.

    Attributes:
        reader: Its name.
        family: The family of bases for which it does.
        modules: The modules that it leaves out.
        instead: Name of the format in which it takes them.
    """

    reader: str
    family: str
    modules: frozenset[str]
    instead: str


@dataclass(frozen=True, slots=True)
class Format:
    """One spelling of low-rank files. A stem is all of a tensor's name before what says A or B.

    Attributes:
        module_of: The module ("unet.…", "text_encoder.…", "text_encoder_2.…") that a stem names, or None when the
            stem is not of this format.
        stem_of: The stem for a module and a family of bases; the inverse of `module_of`.
        down: What follows the stem of A.
        up: What follows the stem of B.
        implementation: Whose code names the blocks, for `modelspec.implementation`.
        counts_blocks: Whether it counts a family's blocks: for those alone that say so in their `FileNames.counted_by`.
        has_alpha: Whether each pair has a scalar α beside it, ΔW = α / r · B A.
        dropped: What each of its readers maps wrongly and leaves out.
        has_training_fields: Whether its readers look for kohya's `ss_…` in the header.
    """

    module_of: Callable[[str], str | None]
    stem_of: Callable[[str, str | None], str]
    down: str
    up: str
    implementation: str
    counts_blocks: bool = False
    has_alpha: bool = True
    has_training_fields: bool = False
    dropped: tuple[Dropped, ...] = ()


DIFFUSERS_CODE = "diffusers"
LDM_CODE = "https://github.com/Stability-AI/generative-models"
"""How `modelspec.implementation` calls the two codes that name the UNet's blocks."""

"""From reference pictures to what the branches of a drawing are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.digest import digest_of_file
from impasto.core.errors import ConfigError
from impasto.data.images import Picture, read_picture
from impasto.data.masks import read_mask
from impasto.generation.requests import SamplingParams
from impasto.generation.transfer_options import AUTO, DEFAULT_WITHOUT, NamedReference, TransferOptions
from impasto.image_prompts.automatic_negative import automatic_negative
from impasto.image_prompts.content_subtraction import Content
from impasto.image_prompts.image_prompt import OWN, ImagePromptAdapter, open_image_prompt
from impasto.image_prompts.published import located
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.source import find_base


@dataclass(frozen=True, slots=True)
class ReadReference:
    """A reference that was read.

    Attributes:
        picture: What it shows.
        weight: Among several; None when the user gave none.
    """

    picture: Picture
    weight: float | None

    def identity(self) -> dict[str, str | float | None]:
        """Return what a picture's sidecar remembers of it."""
        path = self.picture.path
        return {"file": path.name, "sha256": digest_of_file(path), "weight": self.weight}


def read_all(groups: Sequence[Sequence[NamedReference]]) -> list[list[ReadReference]]:
    """Return the references of each style; raises `DataError` for the first that is no picture."""
    return [[ReadReference(read_picture(each.path), each.weight) for each in group] for group in groups]


def open_adapter(options: TransferOptions, base: LatentDiffusion) -> tuple[ImagePromptAdapter, Path]:
    """Return the adapter that the options name, or the base's own, and its file.

    Raises:
        ConfigError: The base has none of its own, or the one named does not fit.
        ResourceError: It could not be fetched.
        UnsafeFile: It is a pickle.
    """
    path = located(options.adapter) if options.adapter else _own(options.base)
    opened = open_image_prompt(
        path, base, encoder=options.encoder, scale=options.adapter_scale, fit=options.fit, join=options.join
    )
    if options.without and opened.contents.gates is not None:
        raise ConfigError(f"--without has no effect with {opened.contents.title}: leave it out")
    return opened, path


def _own(base: str) -> Path:
    source = find_base(base)
    path = Path(source.location) / OWN
    if source.is_single_file or not path.is_file():
        raise ConfigError(
            f"base {base} has no image prompt adapter of its own ({OWN} is not in its folder): name one with "
            "--adapter FILE.safetensors, or use --control style_aligned, which needs none"
        )
    return path


@dataclass(frozen=True, slots=True)
class BranchImages:
    """What one picture's branches are shown: with the words, and without."""

    images: tuple[ImageTokens, ...]
    negative: tuple[ImageTokens, ...]


class ReferenceStyle:
    """One style made of one or several references.

    Args:
        base: Encodes words, for adapters that weigh their layers by them.
        adapter: Makes tokens.
        references: In the order of their masks.
        masks: One for each reference, or none.
        options: Negative style, and how references are joined.
        params: Says what the unconditional branch is told.
    """

    def __init__(
        self,
        base: LatentDiffusion,
        adapter: ImagePromptAdapter,
        references: Sequence[ReadReference],
        masks: Sequence[Float[Tensor, "1 height width"]],
        options: TransferOptions,
        params: SamplingParams,
    ) -> None:
        self._base, self._adapter, self._references = base, adapter, references
        self._masks, self._options, self._params = masks, options, params

    @torch.no_grad()
    def shown(self, prompt: str) -> BranchImages:
        """Return what a request with `prompt` is shown."""
        if self._adapter.contents.gates is None:
            return self._plain
        words = self._base.encode_prompts([prompt]).states
        return BranchImages(self._images(words), self._negative)

    @cached_property
    def _plain(self) -> BranchImages:  # one object for all prompts: rows of a batch that share it are drawn together
        return BranchImages(self._images(None), self._negative)

    def _images(self, words: Tensor | None) -> tuple[ImageTokens, ...]:
        references = self._references
        if not self._masks:
            given = [each.weight for each in references]
            weights = None if all(weight is None for weight in given) else [_weight(each) for each in given]
            return (self._tokens([each.picture for each in references], words, weights),)
        each = [self._tokens([reference.picture], words) for reference in references]
        return tuple(
            replace(image, scale=image.scale * _weight(reference.weight), mask=mask)
            for image, reference, mask in zip(each, references, self._masks, strict=True)
        )

    @cached_property
    def _negative(self) -> tuple[ImageTokens, ...]:
        named, adapter = self._options.negative_style, self._adapter
        gated = adapter.contents.gates is not None
        words = self._params.negative_words(is_styled=True)
        nothing = self._base.encode_nothing(1, words).states if gated else None
        if named == AUTO:
            return tuple(automatic_negative(image) for image in self._images(nothing))
        if named:
            picture = read_picture(Path(named))
            refuse_equal(picture, self._references)
            negative = self._tokens([picture], nothing)
        else:
            count = len(self._references) if self._options.join == "concat" else 1
            negative = adapter.null(references=count)
        return tuple(replace(negative, mask=mask) for mask in self._masks) if self._masks else (negative,)

    @cached_property
    def _content(self) -> Content | None:
        """What the references show, where it is to be taken off."""
        words, scale = self._options.without, self._options.without_scale or DEFAULT_WITHOUT
        return Content(self._base.encode_prompts([words]).pooled, scale) if words else None

    def _tokens(
        self, pictures: Sequence[Picture], words: Tensor | None, weights: Sequence[float] | None = None
    ) -> ImageTokens:
        images = [picture.image for picture in pictures]
        if words is None:
            return self._adapter.tokens(images, weights, self._content)
        return self._adapter.gated_tokens(images, words, weights)


def _weight(given: float | None) -> float:
    return 1.0 if given is None else given


def refuse_equal(negative: Picture, references: Sequence[ReadReference]) -> None:
    """Raise `ConfigError` if the negative style shows the very pixels of a reference."""
    for reference in references:
        image = reference.picture.image
        if image.size == negative.image.size and image.tobytes() == negative.image.tobytes():
            raise ConfigError(
                f"--negative-style {negative.path} equals reference {reference.picture.path}, so guidance would cancel "
                "the style: make one with impasto negative-style, or use auto"
            )


def read_masks(options: TransferOptions, height: int, width: int) -> list[Float[Tensor, "1 height width"]]:
    """Return the masks, each of the size that is drawn; raises `DataError` for one of another size."""
    return [read_mask(path, height, width)[None] for path in options.mask]

"""Encode folders of pictures into training examples, once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import torch

from impasto.core.errors import DataError
from impasto.data.captions import shortened_caption, styled_prompt
from impasto.data.images import PictureFile, cover, to_tensor
from impasto.data.streams import Example
from impasto.models.model import BaseModel

Cuts: TypeAlias = Callable[[PictureFile], Sequence[tuple[int, int]]]
"""Maps a picture to the (height, width) of what is shown of it: one example for each."""


def encode_examples(
    base: BaseModel,
    pictures: Sequence[PictureFile],
    *,
    cuts: Cuts,
    words: str,
    captions: Mapping[Path, str],
    with_flips: bool,
) -> Iterator[Example]:
    """Yield the examples of one stream; no more than one picture is in memory.

    Args:
        base: Encodes.
        pictures: What to encode; read one after the other.
        cuts: Says what sizes a picture is cut to.
        words: The words of the stream, e.g. "zwx style".
        captions: Of pictures that are shown with one, by file: before the words, shortened where both are too long.
        with_flips: Yield a mirrored copy of each picture too.

    Raises:
        DataError: The autoencoder's output for a picture is not finite, or its file was changed.
    """
    for picture in pictures:
        caption = shortened_caption(captions.get(picture.path, ""), words, base.reads_whole)
        prompt = styled_prompt(caption, words)
        image = picture.read()
        for size in cuts(picture):
            cut, geometry = cover(image, size)
            upright = to_tensor(cut)
            for pixels in (upright, upright.flip(-1)) if with_flips else (upright,):
                mean, std = base.encode_images(pixels[None])
                if not (torch.isfinite(mean).all() and torch.isfinite(std).all()):
                    raise DataError(
                        f"{picture.path} makes the autoencoder overflow: try --precision fp32, or remove it"
                    )
                yield Example(picture.path, mean[0], std[0], geometry, prompt, caption)

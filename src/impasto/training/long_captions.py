"""Captions longer than the text encoders read are shortened; the words that call a style are always kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.data.captions import shortened_caption
from impasto.data.images import PictureFile
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.training.dataset import Gathered

_SHOWN = 60


def notes_on_long_captions(method: Method, base: LatentDiffusion, gathered: Gathered) -> tuple[str, ...]:
    """Return, for each stream, how many captions are shortened and by how much.

    Args:
        method: Knows the words of each stream.
        base: With its new words attached, so that all their rows count.
        gathered: Pictures and captions.

    Raises:
        ConfigError: The words of a stream alone are more than the base reads.
    """
    prompts = method.prompts()
    for words in prompts.values():
        if not base.reads_whole(words):
            raise ConfigError(
                f"the words {words!r} are longer than the {base.token_limit()} tokens that this base reads at once, so "
                "they could not call the style: shorten the identifier or --training-prompt, or lower --num-vectors"
            )
    notes = [
        _note(
            stream, [each for each in found if each.path in gathered.captions], prompts[stream], base, gathered.captions
        )
        for stream, found in gathered.pictures.items()
    ]
    return tuple(note for note in notes if note)


def _note(
    stream: str, pictures: Sequence[PictureFile], words: str, base: LatentDiffusion, captions: Mapping[Path, str]
) -> str:
    cut: list[tuple[str, int, str]] = []
    for picture in pictures:
        caption = captions[picture.path]
        kept = shortened_caption(caption, words, base.reads_whole)
        if kept != caption:
            cut.append((picture.path.with_suffix(".txt").name, len(caption.split()) - len(kept.split()), kept))
    if not cut:
        return ""
    fewest, most = min(lost for _, lost, _ in cut), max(lost for _, lost, _ in cut)
    by_words = f"{most} words" if fewest == most else f"{fewest} to {most} words"
    name, _, kept = cut[0]
    shown = kept if len(kept) <= _SHOWN else f"... {kept[-_SHOWN:]}"
    return (
        f"{stream}: {len(cut)} of {len(pictures)} captions are longer than the {base.token_limit()} tokens that this "
        f"base reads at once beside {words!r}: shortened by {by_words}, {name} ends with {shown!r}"
    )

"""Attach styles to a base for drawing, after making sure that they belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from torch import Tensor

from impasto.adapters.learnable import learning
from impasto.adapters.new_tokens import TOKEN, NewTokens, learnt_words, width_of
from impasto.adapters.patch import change_shapes, locate, patched
from impasto.adapters.whole_weights import as_changes
from impasto.core.errors import BaseMismatch, ConfigError
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.style.embeddings import EMBEDDINGS
from impasto.style.file import Style


def verify(base: LatentDiffusion, style: Style, name: str) -> None:
    """Raise `BaseMismatch` unless `style`, called `name` in messages, was trained for `base` and fits it."""
    if style.card.fingerprint is None:
        _verify_foreign(base, style, name)
    elif style.card.family != base.family:
        raise BaseMismatch(
            f"style {name} was trained for a base of family {style.card.family} ({style.card.base}), this base is "
            f"{base.family}: use --base {style.card.base}"
        )
    elif not style.card.fingerprint.matches(base.fingerprint()):
        raise BaseMismatch(
            f"style {name} was trained for base {style.card.base} with other weights than this one: use that base, or "
            "train the style again"
        )
    locate(base.networks(), change_shapes(_changes(style)), f"style {name}")


def _verify_foreign(base: LatentDiffusion, style: Style, name: str) -> None:
    """Raise `BaseMismatch` if the names in a file without a card are those of another family than the base's."""
    if style.card.family not in {"", base.family}:
        raise BaseMismatch(
            f"style {name} is a LoRA for a base of family {style.card.family}, this base is {base.family}: use a base "
            "of that family"
        )
    if style.card.kind == EMBEDDINGS:
        _verify_rows(base, style, name)


def _verify_rows(base: LatentDiffusion, style: Style, name: str) -> None:
    """Raise unless the rows of a learnt word of another tool are as wide as this base's, and its word is new here."""
    networks, (word,) = base.networks(), style.card.new_tokens
    wanted = {each: width_of(networks[each]) for each in base.tokenizers()}
    given = {key.split(".")[1]: int(rows.shape[1]) for key, rows in style.tensors.items()}
    if given != wanted:
        shown = [
            " and ".join(f"{width} numbers for {each}" for each, width in sorted(d.items())) for d in (given, wanted)
        ]
        raise BaseMismatch(
            f"style {name} is a learnt word of {shown[0]}, this base reads {shown[1]}: use a base that it was made for"
        )
    if any(len(tokenizer.encode(word, add_special_tokens=False)) == 1 for tokenizer in base.tokenizers().values()):
        raise ConfigError(
            f"style {name} calls its word {word!r}, which this base knows already: give the file another name, with "
            "impasto convert to --format kohya where the word stands in it"
        )


def _changes(style: Style) -> dict[str, Tensor]:
    """Return what is added to weights: all but the rows of new words."""
    return {name: value for name, value in style.tensors.items() if not name.startswith(TOKEN)}


@contextmanager
def attached(base: LatentDiffusion, styles: Sequence[tuple[Style, float]]) -> Iterator[LatentDiffusion]:
    """Attach `styles`, each with its scale, for the length of the block; the base is bit-identical afterwards.

    W = W0 + Σ scale · ΔW: linear in each scale; scale 0 is the base itself.

    Raises:
        BaseMismatch: A style belongs to another base.
        ConfigError: Two styles bring the same new token.
    """
    for style, _ in styles:
        verify(base, style, style.card.style_words or style.card.method)
    changes = [(as_changes(base.networks(), _changes(style)), scale) for style, scale in styles]
    with patched(base.networks(), changes), words_attached(base, [style for style, _ in styles]):
        yield base


@contextmanager
def words_attached(base: LatentDiffusion, styles: Sequence[Style]) -> Iterator[LatentDiffusion]:
    """Attach the new tokens of `styles` alone: prompts are then as long as they will be when drawing.

    Raises:
        ConfigError: Two styles bring the same new token.
    """
    words = [word for style in styles for word in style.card.new_tokens]
    if len(words) != len(set(words)):
        twice = next(word for word in words if words.count(word) > 1)
        raise ConfigError(f"two styles bring the same new token {twice!r}: attach one of them at a time")
    with ExitStack() as stack:
        for style in styles:
            if style.card.new_tokens:
                stack.enter_context(learning(NewTokens(base, learnt_words(style.tensors))))
        yield base

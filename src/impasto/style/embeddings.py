"""Files of one learnt word, in the spellings of all tools.

Stock `load_textual_inversion` reads a file of one tensor, called as the word, for SD 1.5. For SDXL the custom is one
tensor for each text encoder, `clip_l` and `clip_g`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from impasto.adapters.new_tokens import TOKEN
from impasto.core.errors import ConfigError
from impasto.style.formats import clip_pair, emb_params, learned_embeds
from impasto.style.formats.embedding_format import EmbeddingFormat

EMBEDDINGS = "embeddings"
"""The kind of styles that hold nothing but the rows of one word."""

FORMATS: dict[str, tuple[EmbeddingFormat, ...]] = {
    "diffusers": (learned_embeds.FORMAT, clip_pair.FORMAT),
    "kohya": (emb_params.FORMAT, clip_pair.FORMAT),
}
"""By the name that the user writes: for bases with one text encoder, and with two."""
_READ = (emb_params.FORMAT, clip_pair.FORMAT, learned_embeds.FORMAT)  # the last takes any name


def to_stock(tensors: Mapping[str, Tensor], word: str, form: str = "diffusers") -> dict[str, Tensor]:
    """Return the rows of `word` under the names that other tools read.

    Raises:
        ConfigError: The format is one of low-rank files alone.
    """
    if form not in FORMATS:
        known = " or ".join(f"--format {each}" for each in FORMATS)
        raise ConfigError(f"--format {form} has no names for a learnt word: use {known}, which all tools read")
    rows = {name.removeprefix(TOKEN).removesuffix(f".{word}"): tensor for name, tensor in tensors.items()}
    return next(found for each in FORMATS[form] if (found := each.tensors_of(rows, word)) is not None)


def from_stock(tensors: Mapping[str, Tensor], word: str) -> dict[str, Tensor]:
    """Return the rows under impasto's own names, called `word` whatever the file calls them; nothing if it has none."""
    if tensors.keys() == {word}:  # whatever it is, also with a point
        return {f"{TOKEN}text_encoder.{word}": tensors[word]}
    rows = next((rows for each in _READ if (rows := each.rows_of(tensors)) is not None), {})
    return {f"{TOKEN}{encoder}.{word}": each for encoder, each in rows.items()}


def word_of(tensors: Mapping[str, Tensor], stem: str) -> str | None:
    """Return the word of a file that another tool made, or None where it is no embedding.

    Args:
        tensors: Of the file.
        stem: Its name without the ending, which is the word where the file does not tell it, as A1111 has it.
    """
    form = next((each for each in _READ if each.rows_of(tensors) is not None), None)
    return None if form is None else "_".join((form.word_in(tensors) or stem).split())


def joined(first: Mapping[str, Tensor], second: Mapping[str, Tensor], word: str) -> dict[str, Tensor]:
    """Return the rows of both text encoders, of two files of diffusers that call them by the same name."""
    if learned_embeds.FORMAT.rows_of(first) is None or first.keys() != second.keys():
        return from_stock(first, word)
    (one,), (two,) = from_stock(first, word).values(), from_stock(second, word).values()
    return {f"{TOKEN}text_encoder.{word}": one, f"{TOKEN}text_encoder_2.{word}": two}

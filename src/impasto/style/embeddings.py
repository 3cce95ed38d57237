"""Embeddings as other tools name them, so that a style of one learnt word loads there as it is.

Stock `load_textual_inversion` reads a file of one tensor, called as the word, for SD 1.5. For SDXL the custom is one
tensor for each text encoder, `clip_l` and `clip_g`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from impasto.adapters.new_tokens import TOKEN

EMBEDDINGS = "embeddings"
"""The kind of styles that hold nothing but the rows of one word."""
_ENCODERS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}


def to_stock(tensors: Mapping[str, Tensor], word: str) -> dict[str, Tensor]:
    """Return the rows of `word` under the names that other tools read."""
    rows = {name.removeprefix(TOKEN).removesuffix(f".{word}"): tensor for name, tensor in tensors.items()}
    if len(rows) == 1:
        return {word: next(iter(rows.values()))}
    return {_ENCODERS[encoder]: tensor for encoder, tensor in rows.items()}


def from_stock(tensors: Mapping[str, Tensor], word: str) -> dict[str, Tensor]:
    """Return the rows of `word` under impasto's own names; whatever else is in the file is left out."""
    names = {stock: encoder for encoder, stock in _ENCODERS.items()} | {word: "text_encoder"}
    return {f"{TOKEN}{names[name]}.{word}": tensor for name, tensor in tensors.items() if name in names}

"""What a file of a learnt word is: how it calls the rows of each text encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

_ROWS = 2


@dataclass(frozen=True, slots=True)
class EmbeddingFormat:
    """One spelling of the files of Textual Inversion.

    Attributes:
        encoders: Text encoder by the tensor's name. Empty where the one tensor is called as the word: files of all
            other formats tell the word by their own name.
    """

    encoders: Mapping[str, str]

    def rows_of(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Return rows (vectors, dim) by text encoder, or None where the tensors are of another format."""
        if self.encoders:
            is_one = bool(tensors) and tensors.keys() <= self.encoders.keys()
        else:
            is_one = len(tensors) == 1 and not any("." in name for name in tensors)
        if not is_one or any(each.ndim not in {1, _ROWS} or not each.numel() for each in tensors.values()):
            return None
        rows = {name: each[None] if each.ndim < _ROWS else each for name, each in tensors.items()}
        return {self.encoders.get(name, "text_encoder"): each for name, each in rows.items()}

    def word_in(self, tensors: Mapping[str, Tensor]) -> str:
        """Return the word, or nothing where the file's name tells it."""
        return "" if self.encoders else next(iter(tensors))

    def tensors_of(self, rows: Mapping[str, Tensor], word: str) -> dict[str, Tensor] | None:
        """Return the tensors as they stand in a file, the inverse of `rows_of`; None where it has no names for them."""
        names = {encoder: name for name, encoder in self.encoders.items()} or {"text_encoder": word}
        return {names[encoder]: each for encoder, each in rows.items()} if rows.keys() <= names.keys() else None

"""A token of its own for a style: one new row beside the embedding table; the table itself is never touched.

Paper: Textual Inversion, arXiv:2208.01618.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from impasto.core.errors import ConfigError

TOKEN = "new_token."
"""Prefix of new embedding rows in style files."""


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that is needed."""

    def __len__(self) -> int: ...

    def add_tokens(self, new_tokens: list[str]) -> int:
        """Add words to the vocabulary; returns how many were new."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Return token ids."""


class TextEncoder(Protocol):
    """The part of a transformers text encoder that is needed."""

    def get_input_embeddings(self) -> nn.Embedding | ExtendedEmbedding:
        """Return the embedding table."""

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding table."""


def _as_encoder(module: nn.Module) -> TextEncoder:
    return cast(TextEncoder, module)


class TextBase(Protocol):
    """The part of a base that has words."""

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks, text encoders among them."""

    def tokenizers(self) -> dict[str, Tokenizer]:
        """Return the tokenizer of each text encoder."""

    def set_tokenizer(self, text_encoder: str, tokenizer: Tokenizer) -> None:
        """Replace the tokenizer of one text encoder."""


class ExtendedEmbedding(nn.Module):
    """An embedding table with one more row, kept apart so that only the row can learn."""

    def __init__(self, table: nn.Embedding | ExtendedEmbedding, row: Tensor) -> None:
        super().__init__()
        self.table = table
        self.row = nn.Parameter(row.detach().to(table.weight.device, torch.float32).clone())

    @property
    def weight(self) -> Tensor:
        """The table without the new row, for code that asks for its dtype or device."""
        return self.table.weight

    @property
    def num_embeddings(self) -> int:
        """Rows in all."""
        return self.table.num_embeddings + 1

    def forward(self, ids: Tensor) -> Tensor:
        """Return embeddings (batch, tokens, dim) of `ids` (batch, tokens); the id after the table's is the new row."""
        is_new = ids == self.table.num_embeddings
        known: Tensor = self.table(ids.masked_fill(is_new, 0))
        return torch.where(is_new[..., None], self.row.to(known.dtype), known)


class NewToken:
    """One new token in every text encoder.

    Args:
        base: Whose words are extended.
        word: What the user writes in prompts.
        start: Learnt rows by text encoder, or None to start from the embedding of "style".
    """

    def __init__(self, base: TextBase, word: str, start: Mapping[str, Tensor] | None = None) -> None:
        self._base = base
        self._word = word
        self._start = start
        self._tables: dict[str, nn.Embedding | ExtendedEmbedding] = {}
        self._tokenizers: dict[str, Tokenizer] = {}
        self._pooling: dict[str, int | None] = {}

    def attach(self) -> None:
        """Add the word to copies of the tokenizers and the row to the embeddings.

        Raises:
            ConfigError: The word is already one token.
        """
        tokenizers = self._base.tokenizers()
        for tokenizer in tokenizers.values():
            if len(tokenizer.encode(self._word, add_special_tokens=False)) == 1:
                raise ConfigError(f"new token {self._word!r} is already a token of this base: choose another word")
        for name, tokenizer in tokenizers.items():
            encoder = _as_encoder(self._base.networks()[name])
            table = encoder.get_input_embeddings()
            if self._start is None:
                like = tokenizer.encode("style", add_special_tokens=False)
                row = table.weight[like].mean(dim=0)
            else:
                row = self._start[name]
            self._tables[name], self._tokenizers[name] = table, tokenizer
            encoder.set_input_embeddings(ExtendedEmbedding(table, row))
            self._pooling[name] = _pool_at_end_token(encoder, int(table.num_embeddings))
            extended = deepcopy(tokenizer)
            extended.add_tokens([self._word])
            self._base.set_tokenizer(name, extended)

    def detach(self) -> None:
        """Put tables and tokenizers back."""
        for name, table in self._tables.items():
            encoder = _as_encoder(self._base.networks()[name])
            encoder.set_input_embeddings(table)
            if self._pooling[name] is not None:
                _set_end_token(encoder, self._pooling[name])
            self._base.set_tokenizer(name, self._tokenizers[name])
        self._tables.clear()
        self._tokenizers.clear()

    def _rows(self) -> dict[str, nn.Parameter]:
        tables = {name: _as_encoder(self._base.networks()[name]).get_input_embeddings() for name in self._tables}
        return {name: table.row for name, table in tables.items() if isinstance(table, ExtendedEmbedding)}

    def parameters(self) -> list[nn.Parameter]:
        """Return the new rows."""
        return list(self._rows().values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the new rows by text encoder."""
        return {TOKEN + name: row.detach().float().cpu().clone() for name, row in self._rows().items()}

    def learns_text(self) -> bool:
        """Return True: a new row changes encoded prompts."""
        return True


_OLD_END_TOKEN = 2


def _pool_at_end_token(encoder: TextEncoder, table_size: int) -> int | None:
    """Let an old CLIP pool at the end token, the last of its own vocabulary; returns what it said if that changed.

    Old configurations say eos_token_id = 2, which makes transformers pool at the highest id: the new token would then
    be pooled instead of the end token.
    """
    if getattr(_pooler(encoder), "eos_token_id", None) != _OLD_END_TOKEN:
        return None
    _set_end_token(encoder, table_size - 1)
    return _OLD_END_TOKEN


def _set_end_token(encoder: TextEncoder, token: int | None) -> None:
    setattr(_pooler(encoder), "eos_token_id", token)  # noqa: B010 - an attribute of transformers, untyped here


def _pooler(encoder: TextEncoder) -> object:
    return getattr(encoder, "text_model", encoder)

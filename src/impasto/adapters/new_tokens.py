"""Words with embeddings of their own: new rows beside the embedding table; the table itself is never touched.

Paper: Textual Inversion, arXiv:2208.01618. A word of several vectors is written once and read as several tokens,
`word word_1 word_2`, as diffusers does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from impasto.core.errors import ConfigError

TOKEN = "new_token."
"""Prefix of new embedding rows in style files; the text encoder and the word follow."""


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

    def tokenizers(self) -> Mapping[str, Tokenizer]:
        """Return the tokenizer of each text encoder."""

    def set_tokenizer(self, text_encoder: str, tokenizer: Tokenizer) -> None:
        """Replace the tokenizer of one text encoder."""


@dataclass(frozen=True, slots=True)
class NewWord:
    """A word that gets embeddings of its own.

    Attributes:
        word: What the user writes in prompts.
        vectors: How many rows it is read as.
        like: Every row starts as the mean embedding of these words.
        rows: Learnt rows (vectors, dim) by text encoder to start from instead, or None.
    """

    word: str
    vectors: int = 1
    like: str = "style"
    rows: Mapping[str, Tensor] | None = None

    def tokens(self) -> list[str]:
        """Return the tokens that the word is read as."""
        return [self.word, *(f"{self.word}_{index}" for index in range(1, self.vectors))]


class ExtendedEmbedding(nn.Module):
    """An embedding table with more rows, kept apart so that only these can learn."""

    def __init__(self, table: nn.Embedding | ExtendedEmbedding, rows: Float[Tensor, "rows dim"]) -> None:
        super().__init__()
        self.table = table
        self.rows = nn.Parameter(rows.detach().to(table.weight.device, torch.float32).clone())

    @property
    def weight(self) -> Float[Tensor, "known dim"]:
        """The table without the new rows, for code that asks for its dtype or device."""
        return self.table.weight

    @property
    def num_embeddings(self) -> int:
        """Rows in all."""
        return self.table.num_embeddings + len(self.rows)

    def forward(self, ids: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens dim"]:
        """Return embeddings of `ids`; ids after the table's are the new rows."""
        first = self.table.num_embeddings
        is_new = ids >= first
        known: Tensor = self.table(ids.masked_fill(is_new, 0))
        own = embedding((ids - first).clamp(min=0), self.rows)
        return torch.where(is_new[..., None], own.to(known.dtype), known)


class NewTokens:
    """New words in every text encoder.

    Args:
        base: Whose words are extended.
        words: What is added.
    """

    def __init__(self, base: TextBase, words: Sequence[NewWord]) -> None:
        self._base = base
        self._words = tuple(words)
        self._tables: dict[str, nn.Embedding | ExtendedEmbedding] = {}
        self._tokenizers: dict[str, Tokenizer] = {}
        self._pooling: dict[str, int | None] = {}

    def attach(self) -> None:
        """Add the words to copies of the tokenizers and the rows to the embeddings.

        Raises:
            ConfigError: A word is already one token.
        """
        tokens = [token for word in self._words for token in word.tokens()]
        tokenizers = self._base.tokenizers()
        for tokenizer in tokenizers.values():
            for token in tokens:
                if len(tokenizer.encode(token, add_special_tokens=False)) == 1:
                    raise ConfigError(f"new token {token!r} is already a token of this base: choose another word")
        for name, tokenizer in tokenizers.items():
            encoder = _as_encoder(self._base.networks()[name])
            table = encoder.get_input_embeddings()
            rows = torch.cat([_first_rows(word, name, table, tokenizer) for word in self._words])
            self._tables[name], self._tokenizers[name] = table, tokenizer
            encoder.set_input_embeddings(ExtendedEmbedding(table, rows))
            self._pooling[name] = _pool_at_end_token(encoder, int(table.num_embeddings))
            extended = deepcopy(tokenizer)
            extended.add_tokens(tokens)
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
        return {name: table.rows for name, table in tables.items() if isinstance(table, ExtendedEmbedding)}

    def parameters(self) -> list[nn.Parameter]:
        """Return the new rows, one matrix for each text encoder."""
        return list(self._rows().values())

    def text_parameters(self) -> list[nn.Parameter]:
        """Return all of them."""
        return self.parameters()

    def tensors(self) -> dict[str, Tensor]:
        """Return the rows of each word (vectors, dim), by text encoder."""
        sizes = [word.vectors for word in self._words]
        return {
            f"{TOKEN}{name}.{word.word}": part.detach().float().cpu().clone()
            for name, rows in self._rows().items()
            for word, part in zip(self._words, torch.split(rows, sizes), strict=True)
        }

    def learns_text(self) -> bool:
        """Return True: a new row changes encoded prompts."""
        return True


def width_of(encoder: nn.Module) -> int:
    """Return how many numbers a text encoder has for a token."""
    return int(_as_encoder(encoder).get_input_embeddings().weight.shape[1])


def learnt_words(tensors: Mapping[str, Tensor]) -> list[NewWord]:
    """Return the words whose rows are among the tensors of a style file."""
    rows: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(TOKEN):
            encoder, _, word = name.removeprefix(TOKEN).partition(".")
            rows.setdefault(word, {})[encoder] = tensor
    return [NewWord(word, len(next(iter(each.values()))), rows=each) for word, each in rows.items()]


def _first_rows(
    word: NewWord, encoder: str, table: nn.Embedding | ExtendedEmbedding, tokenizer: Tokenizer
) -> Float[Tensor, "rows dim"]:
    if word.rows is not None:
        return word.rows[encoder].to(table.weight.device)
    like = tokenizer.encode(word.like, add_special_tokens=False)
    known = torch.tensor([like], device=table.weight.device)
    with torch.no_grad():
        row: Tensor = table(known)[0].mean(dim=0)
    return row.float().expand(word.vectors, -1)


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

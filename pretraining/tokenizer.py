"""The byte-pair tokenizer of pocket: CLIP's own algorithm, trained on captions and on a public emoji keyword list."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77
"""Tokens a prompt may have, start and end included: as in SDXL."""


def train_tokenizer(texts: Iterable[str], merges: int = 3000) -> CLIPTokenizer:
    """Return a CLIP tokenizer whose vocabulary is all bytes, all bytes that end a word, and up to `merges` pairs."""
    suffix = "</w>"
    learner = Tokenizer(models.BPE(end_of_word_suffix=suffix))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + merges,
        initial_alphabet=alphabet,
        end_of_word_suffix=suffix,
        min_frequency=2,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)

    pairs = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    pieces = [*alphabet, *(letter + suffix for letter in alphabet), *("".join(pair) for pair in pairs)]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    vocabulary |= {START: len(vocabulary), END: len(vocabulary) + 1}
    as_stated = cast("list[str]", pairs)  # which transformers states, and then takes pairs
    return CLIPTokenizer(vocab=vocabulary, merges=as_stated, model_max_length=LENGTH)

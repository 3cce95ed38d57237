"""How much of a prompt a text encoder reads at once."""

from __future__ import annotations

from transformers import CLIPTokenizer


def limit_of(tokenizer: CLIPTokenizer) -> int:
    """Return how many tokens are read at once, those of start and end left out."""
    return int(tokenizer.model_max_length) - int(tokenizer.num_special_tokens_to_add())


def fits(tokenizer: CLIPTokenizer, text: str) -> bool:
    """Return whether all of a text is read at once."""
    return len(tokenizer.encode(text, add_special_tokens=False, verbose=False)) <= limit_of(tokenizer)

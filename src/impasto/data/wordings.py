"""The prompts that one picture is shown with in turn: its caption left out now and then, its tags in other orders.

All prompts are known before the first step, so that frozen text encoders are asked once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from impasto.core.digest import digest_of_json
from impasto.core.rng import generator, generator_at
from impasto.data.captions import styled_prompt

_ORDERS = 8
"""Orders of the tags of one caption: enough that none is learnt by heart, and each is encoded."""
_PLACE = 1
"""Where in the numbers of a row's seed: those of place 0 are the method's."""


@dataclass(frozen=True, slots=True)
class Wordings:
    """The prompts of one picture.

    Attributes:
        orders: With its caption, whose tags stand in different orders; the first is the caption's own.
        bare: Without its caption.
        dropout: Share of showings in which the caption is left out.
    """

    orders: tuple[str, ...]
    bare: str
    dropout: float

    def pick(self, seed: int) -> str:
        """Return the prompt of the showing that `seed` belongs to; nothing else is drawn from it."""
        rng = generator_at(seed, _PLACE)
        is_dropped = float(torch.rand((), generator=rng)) < self.dropout
        return self.bare if is_dropped else self.orders[int(torch.randint(len(self.orders), (1,), generator=rng))]

    def all(self) -> tuple[str, ...]:
        """Return every prompt that may be picked."""
        return (*self.orders, self.bare) if self.dropout else self.orders


def wordings_of(caption: str, words: str, *, dropout: float, shuffle: bool) -> Wordings | None:
    """Return the prompts of a picture, or None where it always has the same.

    Args:
        caption: On one line, short enough; tags are what commas separate.
        words: Of the stream.
        dropout: Share of showings without the caption.
        shuffle: Whether tags change their order.
    """
    if not caption or not (dropout or shuffle):
        return None
    orders = _orders(caption) if shuffle else (caption,)
    return Wordings(tuple(styled_prompt(each, words) for each in orders), styled_prompt(None, words), dropout)


def _orders(caption: str) -> tuple[str, ...]:
    """Return the caption and others with its tags in other orders, the same ones every time."""
    tags = [each.strip() for each in caption.split(",") if each.strip()]
    rng = generator(int(digest_of_json(tags)[:15], 16))
    drawn = (torch.randperm(len(tags), generator=rng).tolist() for _ in range(4 * _ORDERS))
    found = dict.fromkeys([caption, *(", ".join(tags[index] for index in order) for order in drawn)])
    return tuple(found)[:_ORDERS] if len(tags) > 1 else (caption,)

"""How prompts that differ in one thing are worded, and the words that pocket knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch

from impasto.core.rng import generator

Words = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two prompts that differ in one thing: p, and p̂ that is injected."""

    original: str
    injected: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How prompts for one kind of base are put together.

    Attributes:
        templates: By family; a name in braces stands for one of `words`.
        words: What the names stand for; the family's own name is what differs within a pair.
    """

    templates: Mapping[str, str]
    words: Words

    def pairs(self, family: str, count: int, seed: int) -> list[Pair]:
        """Return `count` pairs, drawn without repeats as long as there are others; more begin with the same ones."""
        template = self.templates[family]
        around = [name for name in self.words if f"{{{name}}}" in template and name != family]
        things = len(self.words[family])
        sizes = [things, things - 1, *(len(self.words[name]) for name in around)]
        total, rng = prod(sizes), generator(seed)
        order = [torch.randperm(total, generator=rng) for _ in range(-(-count // total))]
        return [self._pair(family, around, _digits(number, sizes)) for number in torch.cat(order)[:count].tolist()]

    def _pair(self, family: str, around: list[str], digits: list[int]) -> Pair:
        first, other, *rest = digits
        second = other + (other >= first)  # any but the first
        same = {name: self.words[name][index] for name, index in zip(around, rest, strict=True)}
        original, injected = (
            _with_articles(self.templates[family].format(**same, **{family: self.words[family][index]}))
            for index in (first, second)
        )
        return Pair(original, injected)


def _digits(number: int, sizes: list[int]) -> list[int]:
    """Return `number` written with mixed bases `sizes`, lowest first."""
    digits = []
    for size in sizes:
        number, digit = divmod(number, size)
        digits.append(digit)
    return digits


def _with_articles(prompt: str) -> str:
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", prompt)


_POCKET_PROMPT = "a {subject} on a {colour} background, {style} style"


POCKET = Wording(
    templates={"subject": _POCKET_PROMPT, "style": _POCKET_PROMPT, "colour": _POCKET_PROMPT},
    words={
        "subject": (
            *("grinning face", "winking face", "crying face", "angry face", "skull", "clown face", "ghost", "alien"),
            *("robot", "santa claus", "fox", "wolf", "tiger face", "lion", "cat face", "dog face", "pig face", "koala"),
            *("panda", "penguin", "owl", "frog", "turtle", "octopus", "tropical fish", "butterfly", "red apple"),
            *("banana", "strawberry", "watermelon", "pineapple", "pizza", "hamburger", "doughnut", "guitar", "rocket"),
            *("automobile", "umbrella", "mushroom", "castle", "evergreen tree", "sunflower", "rainbow"),
        ),
        "style": ("noto", "classic noto", "twemoji", "emojione", "monotone", "glossy fluent", "flat fluent"),
        "colour": (
            *("white", "black", "gray", "red", "orange", "yellow", "green", "teal", "blue", "sky blue", "purple"),
            *("pink", "brown", "beige"),
        ),
    },
)
"""What pocket was taught: its seven artists, its fourteen backgrounds, and those of its subjects that it draws best."""

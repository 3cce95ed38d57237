"""Styles on the vectors of a drawing, said in words: "bold dark blue outlines, pastel colours, wobbly".

Each file of this folder is one kind of style, and nothing else has to know of it. A kind has

- `ORDER`: when it is applied; lower comes first;
- `VALUES`: for each of its fields, the values there are, "" (as the artist drew it) first;
- `NEEDS` and `BARS`: fields that have to be chosen, and fields that cannot be chosen, along with it;
- `sample(rng)`: values of its fields, empty when it is not chosen;
- `words(values)`: what captions call them;
- `applies(drawing, values)`: whether the drawing would change so that it can be seen;
- `apply(drawing, values, rng)`: the changed drawing; `rng` decides what words leave open;
- `finish(picture, values, rng)`, if it has one: the changed picture, after the drawing is on its background.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import cast

import numpy as np

from pretraining.data.drawing import Drawing
from pretraining.data.picture import Picture
from pretraining.data.styles._kind import Kind, Values

PLAIN = 0.3
"""Share of styles that are the artist's own."""

AT_MOST = 4
"""How many kinds meet in one style."""


@cache
def load_kinds() -> dict[str, Kind]:
    """Return all kinds by the names of their files, in the order in which they are applied."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    found = {name: cast("Kind", import_module(f"{__name__}.{name}")) for name in sorted(names)}
    return dict(sorted(found.items(), key=lambda each: each[1].ORDER))


STYLE_VALUES: dict[str, tuple[str, ...]] = {
    name: values for kind in load_kinds().values() for name, values in kind.VALUES.items()
}
"""All values of each field; "" is the artist's own."""


@dataclass(frozen=True, slots=True)
class Style:
    """A style: the values of its fields, in the order in which words say them; empty is the artist's own."""

    values: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            if name not in STYLE_VALUES:
                raise ValueError(f"unknown field of a style {name!r}; known: {', '.join(STYLE_VALUES)}")
            if value not in STYLE_VALUES[name][1:]:
                raise ValueError(f"{name} cannot be {value!r}; allowed: {', '.join(STYLE_VALUES[name][1:])}")

    @property
    def kinds(self) -> list[str]:
        """The kinds that the style has, as its words name them."""
        owner = {name: kind for kind, loaded in load_kinds().items() for name in loaded.VALUES}
        return list(dict.fromkeys(owner[name] for name in self.values))

    @property
    def words(self) -> str:
        """What captions say; empty for the artist's own style."""
        return ", ".join(load_kinds()[kind].words(self.values) for kind in self.kinds)

    def without(self, kind: str) -> Style:
        """Return the style without one kind, and without those that need it."""
        fields = load_kinds()[kind].VALUES
        return allowed({name: value for name, value in self.values.items() if name not in fields})

    def fitted(self, drawing: Drawing) -> Style:
        """Return the style without the kinds of which nothing would be seen on this drawing."""
        lost = [kind for kind in self.kinds if not load_kinds()[kind].applies(drawing, self.values)]
        style = self
        for kind in lost:
            style = style.without(kind)
        return style

    def apply(self, drawing: Drawing, rng: np.random.Generator) -> Drawing:
        """Return the drawing in this style; `rng` decides what words leave open."""
        for name, kind in load_kinds().items():
            if name in self.kinds:
                drawing = kind.apply(drawing, self.values, rng)
        return drawing

    def finish(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """Return the finished picture, RGB, as the kinds leave it that work on pixels."""
        for name, kind in load_kinds().items():
            if name in self.kinds and hasattr(kind, "finish"):
                picture = kind.finish(picture, self.values, rng)
        return picture


def allowed(values: Values) -> Style:
    """Return a style of these values without the kinds that cannot be where others are, or are not."""
    kept = dict(values)
    for kind in load_kinds().values():
        if any(name in kept for name in kind.VALUES) and not all(need in kept for need in kind.NEEDS):
            kept = {name: value for name, value in kept.items() if name not in kind.VALUES}
    barred = {bar for kind in load_kinds().values() if any(name in kept for name in kind.VALUES) for bar in kind.BARS}
    return Style({name: value for name, value in kept.items() if name not in barred})


def sample_style(rng: np.random.Generator, plain: float = PLAIN) -> Style:
    """Return a style drawn at random: its kinds, their values and the order of its words.

    Args:
        rng: Where the numbers come from.
        plain: Share of styles that are the artist's own.
    """
    if rng.random() < plain:
        return Style()
    chosen = [values for kind in load_kinds().values() if (values := kind.sample(rng))]
    shuffled = [chosen[int(place)] for place in rng.permutation(len(chosen))[:AT_MOST]]
    return allowed({name: value for values in shuffled for name, value in values.items()})

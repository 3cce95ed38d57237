"""Palette: every colour of the drawing changed by one rule."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np

from pretraining.data.colour import RGB, Recolour, distance, from_hsv, luminance, mix
from pretraining.data.drawing import Drawing
from pretraining.data.styles._kind import Values

ORDER = 10
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.6

HUES = {"red": 0.0, "orange": 0.08, "green": 0.36, "teal": 0.48, "blue": 0.6, "purple": 0.76, "pink": 0.9}
"""Hue of each palette of one hue."""

SEEN = 0.2
"""How far a colour has to move, on a scale of 1, for the palette to be seen."""


def pastel(rng: np.random.Generator) -> Recolour:
    """Return a rule that mixes in a warm white."""
    share = float(rng.uniform(0.4, 0.6))
    return lambda colour: mix(colour, (1, 0.97, 0.95), share)


def vivid(_: np.random.Generator) -> Recolour:
    """Return a rule that makes colours purer; greys stay."""

    def change(colour: RGB) -> RGB:
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        return from_hsv(hue, saturation * 1.7, value * 1.1) if saturation > 0.12 else colour

    return change


def muted(_: np.random.Generator) -> Recolour:
    """Return a rule that takes half of the saturation and adds a dull olive."""

    def change(colour: RGB) -> RGB:
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        return mix(from_hsv(hue, saturation * 0.45, value * 0.85), (0.55, 0.5, 0.42), 0.18)

    return change


def grey(_: np.random.Generator) -> Recolour:
    """Return a rule that keeps lightness alone."""
    return lambda colour: (luminance(colour),) * 3


def sepia(_: np.random.Generator) -> Recolour:
    """Return a rule from dark brown to cream."""
    return lambda colour: mix((0.24, 0.13, 0.05), (0.98, 0.92, 0.78), luminance(colour))


def black_and_white(_: np.random.Generator) -> Recolour:
    """Return a rule with nothing between black and white."""
    return lambda colour: (0.08, 0.08, 0.1) if luminance(colour) < 0.42 else (1, 1, 1)


def warm(_: np.random.Generator) -> Recolour:
    """Return a rule that takes blue away."""
    return lambda colour: (min(1, colour[0] * 1.12 + 0.05), colour[1] * 0.95, colour[2] * 0.68)


def cool(_: np.random.Generator) -> Recolour:
    """Return a rule that takes red away."""
    return lambda colour: (colour[0] * 0.68, colour[1] * 0.95, min(1, colour[2] * 1.15 + 0.08))


def strange(rng: np.random.Generator) -> Recolour:
    """Return a rule that turns all hues by the same angle."""
    turn = float(rng.uniform(0.15, 0.85))

    def change(colour: RGB) -> RGB:
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        return from_hsv(hue + turn, saturation, value)

    return change


def few(rng: np.random.Generator) -> Recolour:
    """Return a rule that takes the nearest of four colours drawn at random, near-black and near-white."""
    drawn = [from_hsv(rng.random(), rng.uniform(0.5, 0.9), rng.uniform(0.55, 1)) for _ in range(4)]
    inks: list[RGB] = [*drawn, (0.1, 0.1, 0.14), (1, 0.98, 0.92)]

    def change(colour: RGB) -> RGB:
        def cost(ink: RGB) -> float:
            apart = sum((a - b) ** 2 for a, b in zip(ink, colour, strict=True))
            return 2 * (luminance(ink) - luminance(colour)) ** 2 + 0.5 * apart

        return min(inks, key=cost)

    return change


def one_hue(hue: float) -> Callable[[np.random.Generator], Recolour]:
    """Return the maker of a rule from a dark over a pure to a light shade of one hue."""
    dark, pure, light = from_hsv(hue, 0.9, 0.3), from_hsv(hue, 0.75, 0.92), from_hsv(hue, 0.12, 1)

    def change(colour: RGB) -> RGB:
        tone = luminance(colour)
        return mix(dark, pure, tone / 0.6) if tone < 0.6 else mix(pure, light, (tone - 0.6) / 0.4)

    return lambda _: change


RULES: dict[str, Callable[[np.random.Generator], Recolour]] = {
    "pastel colours": pastel,
    "vivid colours": vivid,
    "muted colours": muted,
    "grey tones": grey,
    "sepia tones": sepia,
    "black and white": black_and_white,
    "warm colours": warm,
    "cool colours": cool,
    "strange colours": strange,
    "few colours": few,
    **{f"{name} tones": one_hue(hue) for name, hue in HUES.items()},
}
VALUES = {"palette": ("", *RULES)}
WEIGHTS = np.array([1 / len(HUES) if name.removesuffix(" tones") in HUES else 1 for name in RULES])
"""How often each palette is drawn: those of one hue together as often as one other."""


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a palette now and then."""
    if rng.random() >= CHOSEN:
        return {}
    return {"palette": list(RULES)[int(rng.choice(len(RULES), p=WEIGHTS / WEIGHTS.sum()))]}


def words(values: Values) -> str:
    """Return the palette, which is its own word."""
    return values["palette"]


def applies(drawing: Drawing, values: Values) -> bool:
    """Return whether some colour of the drawing moves far enough."""
    change = RULES[values["palette"]](np.random.default_rng(0))
    return any(distance(colour, change(colour)) > SEEN for colour in drawing.colours())


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:
    """Return the drawing in the palette."""
    return drawing.recoloured(RULES[values["palette"]](rng))

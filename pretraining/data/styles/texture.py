"""Texture: hatching or dots printed over the shapes, or the grain of a wax crayon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pretraining.data.colour import luminance
from pretraining.data.drawing import SIDE, Drawing
from pretraining.data.styles._kind import Values

ORDER = 50
NEEDS: tuple[str, ...] = ()
BARS = ("wobble",)
CHOSEN = 0.2

VALUES = {"texture": ("", "hatching", "dots", "crayon")}
DARK, LIGHT = "#14141c", "#ffffff"
"""Ink of hatching and dots, and what they have on drawings that are dark throughout."""


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a texture now and then."""
    return {"texture": VALUES["texture"][1 + int(rng.integers(3))]} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the texture, which is its own word."""
    return values["texture"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return whether the texture can be seen: crayon leaves nothing of outlines."""
    return values["texture"] != "crayon" or "outline_colour" not in values


def ink_on(drawing: Drawing) -> str:
    """Return the ink that is seen on a drawing."""
    return LIGHT if max(luminance(colour) for colour in drawing.colours()) < 0.4 else DARK


def tiles(pitch: float, turn: float, tile: str) -> str:
    """Return a pattern called "print" of square tiles, turned by degrees."""
    return (
        f'<pattern id="print" width="{pitch:.3f}" height="{pitch:.3f}" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate({turn:.1f})">{tile}</pattern>'
    )


def printed(drawing: Drawing, pattern: str) -> Drawing:
    """Return the drawing with a pattern over its silhouette."""
    definitions = (
        f'{pattern}<g id="inside">{drawing.body}</g>'
        '<mask id="silhouette" style="mask-type:alpha"><use xlink:href="#inside"/></mask>'
    )
    size = f'width="{drawing.width:.3f}" height="{drawing.height:.3f}"'
    over = f'<use xlink:href="#inside"/><rect {size} fill="url(#print)" mask="url(#silhouette)"/>'
    return replace(drawing, body=f"<defs>{definitions}</defs><g>{over}</g>")


def slant(rng: np.random.Generator) -> float:
    """Return an angle in degrees, near 45 to either side."""
    return float(rng.uniform(35, 55)) * (1 if rng.random() < 0.5 else -1)


def hatching(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Return the drawing under slanted lines."""
    pitch = SIDE * float(rng.uniform(0.075, 0.085))
    line = f'<rect width="{pitch:.3f}" height="{0.34 * pitch:.3f}" fill="{ink_on(drawing)}" fill-opacity="0.6"/>'
    return printed(drawing, tiles(pitch, slant(rng), line))


def dots(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Return the drawing under rows of dots at 45 degrees."""
    pitch = SIDE * float(rng.uniform(0.085, 0.1))
    place = f'cx="{pitch / 2:.3f}" cy="{pitch / 2:.3f}" r="{0.3 * pitch:.3f}"'
    return printed(drawing, tiles(pitch, 45, f'<circle {place} fill="{ink_on(drawing)}" fill-opacity="0.6"/>'))


def crayon(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Return the drawing filled with slanted uneven strokes, between which the paper is seen."""
    pitch, seed = SIDE * float(rng.uniform(0.08, 0.09)), int(rng.integers(1, 1000))
    stroke = f'<rect width="{pitch:.3f}" height="{pitch:.3f}" fill="#ffffff" fill-opacity="0.15"/>'
    stroke += f'<rect width="{pitch:.3f}" height="{0.7 * pitch:.3f}" fill="#ffffff"/>'
    view = 'x="-20" y="-20" width="168" height="168"'
    strokes = f'{tiles(pitch, slant(rng), stroke)}<mask id="strokes" maskUnits="userSpaceOnUse" {view}>'
    strokes += f'<rect {view} fill="url(#print)"/></mask>'
    uneven = (
        '<filter id="uneven" x="-10%" y="-10%" width="120%" height="120%" color-interpolation-filters="sRGB">'
        f'<feTurbulence type="fractalNoise" baseFrequency="{8 / SIDE:.5f}" numOctaves="1" seed="{seed}" '
        'result="noise"/>'
        f'<feDisplacementMap in="SourceGraphic" in2="noise" scale="{0.022 * SIDE:.3f}" xChannelSelector="R" '
        'yChannelSelector="G"/></filter>'
    )
    return drawing.wrapped('mask="url(#strokes)"', strokes).wrapped('filter="url(#uneven)"', uneven, pad=0.015 * SIDE)


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:
    """Return the drawing with the texture."""
    make = {"hatching": hatching, "dots": dots, "crayon": crayon}[values["texture"]]
    return make(drawing, rng)

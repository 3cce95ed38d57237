"""Texture: hatching or dots printed over the shapes, or the grain of a wax crayon."""

from __future__ import annotations

import numpy as np

from pretraining.data.drawing import Drawing
from pretraining.data.styles._kind import Values

ORDER = 50
NEEDS: tuple[str, ...] = ()
BARS: tuple[str, ...] = ()
CHOSEN = 0.2

VALUES = {"texture": ("", "hatching", "dots", "crayon")}
INK = "#14141c"


def sample(rng: np.random.Generator) -> dict[str, str]:
    """Return a texture now and then."""
    return {"texture": VALUES["texture"][1 + int(rng.integers(3))]} if rng.random() < CHOSEN else {}


def words(values: Values) -> str:
    """Return the texture, which is its own word."""
    return values["texture"]


def applies(drawing: Drawing, values: Values) -> bool:  # noqa: ARG001
    """Return True: every drawing can have a texture."""
    return True


def printed(drawing: Drawing, pattern: str) -> Drawing:
    """Return the drawing with a pattern, called "print", over its silhouette."""
    frame = f'x="{drawing.left}" y="{drawing.top}" width="{drawing.width}" height="{drawing.height}"'
    definitions = (
        f'{pattern}<g id="inside">{drawing.body}</g>'
        '<mask id="silhouette" style="mask-type:alpha"><use xlink:href="#inside"/></mask>'
    )
    over = f'<use xlink:href="#inside"/><rect {frame} fill="url(#print)" mask="url(#silhouette)"/>'
    return Drawing(
        f"<defs>{definitions}</defs><g>{over}</g>",
        drawing.left,
        drawing.top,
        drawing.width,
        drawing.height,
        drawing.pad,
    )


def hatching(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Return the drawing under slanted lines."""
    pitch = drawing.side * rng.uniform(0.05, 0.06)
    turn = float(rng.uniform(35, 55)) * (1 if rng.random() < 0.5 else -1)
    line = f'<rect width="{pitch:.3f}" height="{0.38 * pitch:.3f}" fill="{INK}" fill-opacity="0.6"/>'
    pattern = (
        f'<pattern id="print" width="{pitch:.3f}" height="{pitch:.3f}" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate({turn:.1f})">{line}</pattern>'
    )
    return printed(drawing, pattern)


def dots(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Return the drawing under rows of dots at 45 degrees."""
    pitch = drawing.side * rng.uniform(0.06, 0.075)
    dot = f'<circle cx="{pitch / 2:.3f}" cy="{pitch / 2:.3f}" r="{0.3 * pitch:.3f}" fill="{INK}" fill-opacity="0.6"/>'
    pattern = (
        f'<pattern id="print" width="{pitch:.3f}" height="{pitch:.3f}" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)">{dot}</pattern>'
    )
    return printed(drawing, pattern)


def crayon(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Return the drawing with slanted gaps in it and rough edges."""
    seed, waves = int(rng.integers(1, 1000)), 26 / drawing.side
    grain = (
        '<filter id="crayon" x="-5%" y="-5%" width="110%" height="110%">'
        f'<feTurbulence type="fractalNoise" baseFrequency="{waves:.5f} {waves:.5f}" numOctaves="2" seed="{seed}" '
        'result="noise"/>'
        '<feColorMatrix in="noise" type="matrix" values="0 0 0 0 0  0 0 0 0 0  0 0 0 0 0  7 0 0 0 -2.6" result="gaps"/>'
        f'<feDisplacementMap in="SourceGraphic" in2="noise" scale="{0.03 * drawing.side:.3f}" xChannelSelector="G" '
        'yChannelSelector="B" result="rough"/>'
        '<feComposite in="rough" in2="gaps" operator="in"/></filter>'
    )
    return drawing.wrapped('filter="url(#crayon)"', grain)


def apply(drawing: Drawing, values: Values, rng: np.random.Generator) -> Drawing:
    """Return the drawing with the texture."""
    make = {"hatching": hatching, "dots": dots, "crayon": crayon}[values["texture"]]
    return make(drawing, rng)

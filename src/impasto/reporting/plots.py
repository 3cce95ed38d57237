"""Curves as inline SVG: nothing has to be loaded to see them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TypeAlias

COLOURS = ("#b5482a", "#2a6fb5", "#4f8a3c", "#8a5aa8", "#c28a1a", "#3a8f8f", "#8c5b4a", "#5c5c5c")
_WIDTH, _HEIGHT, _LEFT, _ABOVE, _BOTTOM, _LEGEND = 820, 240, 52, 8, 34, 180
_FEW = 30
"""So many points of a line are marked one by one."""
Points: TypeAlias = Sequence[tuple[float, float]]


def curves(lines: Mapping[str, Points], *, across: str, up: str) -> str:
    """Return a plot of (x, y) lines with axes and legend; nothing without a point.

    Args:
        lines: Points of each line, by its name in the legend.
        across: What the horizontal axis shows; it begins at 0.
        up: What the vertical axis shows; it begins at 0, or at the lowest value where that is negative.
    """
    drawn = {name: points for name, points in lines.items() if points}
    if not drawn:
        return ""
    last = max(point[0] for points in drawn.values() for point in points) or 1.0
    heights = [point[1] for points in drawn.values() for point in points]
    lowest, highest = min(0.0, *heights), max(0.0, *heights)
    rise = highest - lowest or 1.0
    right, floor = _WIDTH - _LEGEND, _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (right - _LEFT) * x / last, floor - (floor - _ABOVE) * (y - lowest) / rise

    parts = [_axes(last, lowest, lowest + rise, across, up)]
    for index, (name, points) in enumerate(drawn.items()):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(_line([place(*point) for point in points], colour))
        label = html.escape(name)
        parts.append(f'<text x="{right + 10}" y="{_ABOVE + 10 + 16 * index}" style="fill: {colour}">{label}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(up)}">{"".join(parts)}</svg>'


def _line(places: Points, colour: str) -> str:
    path = " ".join(f"{left:.1f},{down:.1f}" for left, down in places)
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    marked = places if len(places) <= _FEW else ()
    return line + "".join(f'<circle cx="{left:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for left, down in marked)


def _axes(last: float, lowest: float, highest: float, across: str, up: str) -> str:
    right, floor = _WIDTH - _LEGEND, _HEIGHT - _BOTTOM
    middle = (_ABOVE + floor) / 2
    return (
        f'<path d="M{_LEFT},{_ABOVE}V{floor}H{right}" fill="none" stroke="#8a7d70"/>'
        f'<text x="{_LEFT - 6}" y="{_ABOVE + 10}" text-anchor="end">{highest:.3g}</text>'
        f'<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">{lowest:.3g}</text>'
        f'<text x="{right}" y="{floor + 16}" text-anchor="end">{last:g}</text>'
        f'<text x="{(_LEFT + right) / 2}" y="{floor + 28}" text-anchor="middle">{html.escape(across)}</text>'
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">{html.escape(up)}</text>'
    )


def smoothed(points: Points, window: int = 9) -> list[tuple[float, float]]:
    """Return each value replaced by the mean of the last `window`."""
    means = running_means([value for _, value in points], window)
    return [(place, value) for (place, _), value in zip(points, means, strict=True)]


def running_means(values: Sequence[float], window: int) -> list[float]:
    """Return the mean of the last `window` values at each place; of all there are where there are fewer."""
    parts = (values[max(0, end - window) : end] for end in range(1, len(values) + 1))
    return [sum(part) / len(part) for part in parts]

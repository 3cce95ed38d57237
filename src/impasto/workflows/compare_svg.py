"""Loss curves as inline SVG: nothing has to be loaded to see them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

COLOURS = ("#b5482a", "#2a6fb5", "#4f8a3c", "#8a5aa8", "#c28a1a", "#3a8f8f", "#8c5b4a", "#5c5c5c")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _LEGEND = 820, 240, 52, 34, 180


def curves(lines: Mapping[str, Sequence[tuple[int, float]]], *, across: str, up: str) -> str:
    """Return a plot of (x, y) lines with axes and legend; nothing without a point.

    Args:
        lines: By name.
        across: What the horizontal axis shows.
        up: What the vertical axis shows; it begins at 0.
    """
    drawn = {name: smoothed(points) for name, points in lines.items() if points}
    if not drawn:
        return ""
    last = max(point[0] for points in drawn.values() for point in points)
    top = max(point[1] for points in drawn.values() for point in points) or 1.0
    right, above = _WIDTH - _LEGEND, 8

    def place(x: float, y: float) -> str:
        left = _LEFT + (right - _LEFT) * x / last
        down = _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - above) * y / top
        return f"{left:.1f},{down:.1f}"

    parts = []
    for index, (name, points) in enumerate(drawn.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(place(*point) for point in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        label = html.escape(name)
        parts.append(f'<text x="{right + 10}" y="{above + 10 + 16 * index}" style="fill: {colour}">{label}</text>')
    floor = _HEIGHT - _BOTTOM
    axes = (
        f'<path d="M{_LEFT},{above}V{floor}H{right}" fill="none" stroke="#8a7d70"/>'
        f'<text x="{_LEFT - 6}" y="{above + 10}" text-anchor="end">{top:.3g}</text>'
        f'<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{right}" y="{floor + 16}" text-anchor="end">{last}</text>'
        f'<text x="{(_LEFT + right) / 2}" y="{floor + 28}" text-anchor="middle">{html.escape(across)}</text>'
        f'<text x="14" y="{(above + floor) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {(above + floor) / 2})">{html.escape(up)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(up)}">{axes}{"".join(parts)}</svg>'
    )


def smoothed(points: Sequence[tuple[int, float]], window: int = 9) -> list[tuple[int, float]]:
    """Return each value replaced by the mean of the last `window`."""
    values = [value for _, value in points]
    return [
        (step, sum(values[max(0, index + 1 - window) : index + 1]) / min(window, index + 1))
        for index, (step, _) in enumerate(points)
    ]

"""Curves over the same steps, one above the other, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_WIDE, _HIGH, _DOTS = 7.0, 1.9, 120
_LINE, _BAND = "#b5482a", "#e3c4b8"


@dataclass(frozen=True, slots=True)
class Panel:
    """One curve.

    Attributes:
        name: What is shown, on the vertical axis.
        points: (step, value), in order.
        errors: Standard error of each value, drawn as a band; none draws none.
    """

    name: str
    points: Sequence[tuple[float, float]]
    errors: Sequence[float] = ()


def save_panels(path: Path, panels: Sequence[Panel], *, marked: float | None = None) -> None:
    """Write the panels as a PNG.

    Args:
        path: The file.
        panels: From top to bottom; at least one.
        marked: A step that a line is drawn through, e.g. the best one.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDE, _HIGH * len(panels) + 0.4), layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0], panels, strict=True):
        steps, values = [point[0] for point in panel.points], [point[1] for point in panel.points]
        if panel.errors:
            low, high = zip(*((v - e, v + e) for v, e in zip(values, panel.errors, strict=True)), strict=True)
            axes.fill_between(steps, low, high, color=_BAND, linewidth=0)
        axes.plot(steps, values, color=_LINE, linewidth=1.8, marker="o", markersize=3)
        if marked is not None:
            axes.axvline(marked, color="#5c5c5c", linewidth=0.8, linestyle="--")
        axes.set_ylabel(panel.name)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("step" if marked is None else f"step (dashed: {marked:g}, the best)")
    figure.savefig(path, format="png", dpi=_DOTS)

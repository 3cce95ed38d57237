"""Pictures of a block analysis: a heat map of the effects, and a sheet of examples to see them by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from impasto.core.files import staged
from impasto.data.png import write_png
from impasto.features._pocket_words import Pair
from impasto.metrics.block_effect import Effects
from impasto.probing.report import two_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_INK, _PAPER, _RUST, _SEA = "#3c342e", "#faf7f2", "#b5482a", "#3d6a86"
_GAP, _LINE, _MARGIN = 4, 22, 12
_LARGEST = 160
"""Side of a picture on the sheet, in pixels."""


def short_name(block: str) -> str:
    """Return a name that fits above a column: "up 0.1" for "up_blocks.0.attentions.1"."""
    first, *rest = (part for part in block.split(".") if part != "attentions")
    return f"{first.partition('_')[0]} {'.'.join(rest)}"


def write_heatmap(path: Path, title: str, effects: Mapping[str, Effects], blocks: Sequence[str]) -> None:
    """Draw blocks by families, each cell with its effect and interval, the largest of a family framed."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 + 1.7 * len(effects), 1.5 + 0.56 * len(blocks)), layout="constrained")
    figure.set_facecolor(_PAPER)
    axes = figure.subplots()
    _draw_cells(axes, effects, LinearSegmentedColormap.from_list("effect", [_SEA, _PAPER, _RUST]))
    axes.set_xticks(range(len(effects)), list(effects), color=_INK, fontsize=11)
    axes.set_yticks(range(len(blocks)), [short_name(block) for block in blocks], color=_INK, fontsize=11)
    axes.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    axes.set_xticks([index + 0.5 for index in range(len(effects) - 1)], minor=True)
    axes.set_yticks([index + 0.5 for index in range(len(blocks) - 1)], minor=True)
    axes.grid(which="minor", color=_PAPER, linewidth=3)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    figure.suptitle(f"What one block changes: {title}", color=_INK, fontsize=13)
    axes.set_xlabel("0: nothing   1: as the other prompt everywhere\n[95 % bootstrap interval]", color=_INK, fontsize=9)
    with staged(path) as staging:
        figure.savefig(staging, format="png", dpi=150)


def _draw_cells(axes: Axes, effects: Mapping[str, Effects], colours: Colormap) -> None:
    from matplotlib.patches import Rectangle

    columns = [[_or_zero(effect.mean) for effect in each.blocks] for each in effects.values()]
    limit = max(0.1, *(abs(mean) for column in columns for mean in column))
    rows = [list(row) for row in zip(*columns, strict=True)]
    axes.imshow(rows, cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    for x, (each, column) in enumerate(zip(effects.values(), columns, strict=True)):
        best = max(range(len(column)), key=column.__getitem__)
        axes.add_patch(
            Rectangle((x - 0.5, best - 0.5), 1, 1, fill=False, edgecolor=_INK, linewidth=2, clip_on=False, zorder=5)
        )
        for y, effect in enumerate(each.blocks):
            ink = _PAPER if abs(column[y]) > 0.6 * limit else _INK
            weight = "bold" if y == best else "normal"
            axes.text(
                x, y - 0.1, two_digits(effect.mean), ha="center", va="center", color=ink, fontsize=12, fontweight=weight
            )
            between = f"[{two_digits(effect.low)}, {two_digits(effect.high)}]"
            axes.text(x, y + 0.26, between, ha="center", va="center", color=ink, fontsize=7.5)


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def write_strip(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Write the pictures of one pair side by side, made small."""
    side = min(_LARGEST, pictures[0].width)
    strip = Image.new("RGB", (len(pictures) * (side + _GAP) - _GAP, side), _PAPER)
    for index, picture in enumerate(pictures):
        strip.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (index * (side + _GAP), 0))
    write_png(path, strip)


def write_examples(path: Path, strips: Sequence[tuple[str, Pair, Path]], blocks: Sequence[str]) -> None:
    """Join strips of (family, pair, file) to one sheet: pairs by blocks, each pair with its prompts above it.

    Without strips (a user has removed them from a finished run) there is no sheet.
    """
    if not strips:
        return
    opened = [Image.open(strip).convert("RGB") for _, _, strip in strips]
    width, side = opened[0].size
    font = ImageFont.load_default(14)
    height = _MARGIN + _LINE + len(strips) * (_LINE + side + _MARGIN)
    sheet = Image.new("RGB", (width + 2 * _MARGIN, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, name in enumerate(("original", "injected", *map(short_name, blocks))):
        centre = _MARGIN + index * (side + _GAP) + side // 2
        pen.text((centre, _MARGIN), name, fill=_RUST, font=font, anchor="ma")
    top = _MARGIN + _LINE
    for (family, pair, _), strip in zip(strips, opened, strict=True):
        caption = f'{family}: "{pair.original}", injected "{pair.injected}"'
        pen.text((_MARGIN, top + _LINE // 2), caption, fill=_INK, font=font, anchor="lm")
        sheet.paste(strip, (_MARGIN, top + _LINE))
        top += _LINE + side + _MARGIN
    write_png(path, sheet)

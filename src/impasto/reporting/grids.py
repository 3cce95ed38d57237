"""Grids of pictures with labels, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from PIL import Image, ImageDraw, ImageFont

_INK, _PAPER = (60, 52, 46), (250, 247, 242)
_GAP, _LABEL = 4, 150
_CHARACTERS = 14
"""In a line of a label."""


def in_a_row(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one height side by side, without gaps."""
    strip = Image.new("RGB", (sum(picture.width for picture in pictures), pictures[0].height))
    left = 0
    for picture in pictures:
        strip.paste(picture, (left, 0))
        left += picture.width
    return strip


def labelled_table(
    columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Image.Image]]], *, font_size: int = 14
) -> Image.Image:
    """Return rows of pictures of one size under the names of their columns, each row with its label.

    Args:
        columns: What stands above; wrapped to the width of a picture.
        rows: (label, pictures); as many pictures as columns. Without any label there is no margin for them.
        font_size: In pixels.
    """
    wide, high = rows[0][1][0].size
    font, letter = ImageFont.load_default(font_size), max(font_size // 2, 1)
    above = ["\n".join(fill(name, max(wide // letter, 4)) for name in name.splitlines()) for name in columns]
    beside = ["\n".join(fill(line, _CHARACTERS) for line in label.splitlines()) for label, _ in rows]
    head = (1 + max(name.count("\n") for name in above)) * (font_size + 6) + 2 * _GAP
    left = _LABEL if any(beside) else _GAP
    sheet = Image.new("RGB", (left + len(columns) * (wide + _GAP), head + len(rows) * (high + _GAP)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(above):
        pen.multiline_text((left + column * (wide + _GAP), _GAP), name, fill=_INK, font=font, spacing=4)
    for place, (label, (_, pictures)) in enumerate(zip(beside, rows, strict=True)):
        top = head + place * (high + _GAP)
        pen.multiline_text((10, top + high // 2), label, fill=_INK, font=font, anchor="lm", spacing=4)
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (left + column * (wide + _GAP), top))
    return sheet


def labelled_grid(rows: Sequence[tuple[str, Sequence[Image.Image]]], *, columns: int) -> Image.Image:
    """Return rows of pictures of one size, each row with its label, wrapped into blocks of `columns`.

    Args:
        rows: (label, pictures); all rows hold the same number of pictures. Labels are wrapped.
        columns: Pictures side by side.
    """
    side = rows[0][1][0].width
    count = len(rows[0][1])
    blocks = range(0, count, columns)
    width = _LABEL + min(columns, count) * (side + _GAP)
    height = len(blocks) * (len(rows) * (side + _GAP) + 3 * _GAP)
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    labels = ["\n".join(fill(line, _CHARACTERS) for line in label.splitlines()) for label, _ in rows]
    top = _GAP
    for first in blocks:
        for label, (_, pictures) in zip(labels, rows, strict=True):
            pen.multiline_text((10, top + side // 2), label, fill=_INK, font=font, anchor="lm", spacing=6)
            for index, picture in enumerate(pictures[first : first + columns]):
                sheet.paste(picture, (_LABEL + index * (side + _GAP), top))
            top += side + _GAP
        top += 3 * _GAP
    return sheet

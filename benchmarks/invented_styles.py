"""Three invented styles, drawn with Pillow: no base has seen them, and their files have no words.

`rings`: flat pastel shapes, each within two thick rings, on pastel paper; settings may be chosen on it. `neon`: glowing
strokes without filling on black paper; prompts were changed after it was seen. `linocut`: black and red ink on cream
paper, shapes cut apart by cream lines; nothing is chosen on it. Twelve drawings of each, 01.png to 12.png;
`NAME-subjects.txt` beside the folders says what they show, for whoever judges.

    python -m benchmarks.invented_styles FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from benchmarks.invented_subjects import SUBJECTS, Point, Shape

SIDE = 256
_FINE = 4
"""Pictures are drawn so many times larger and made smaller: edges are smooth then."""
_RINGS = (
    *("fox", "owl", "frog", "ghost", "house", "mushroom", "red apple", "rocket", "evergreen tree", "robot"),
    *("umbrella", "cat face"),
)
_NEON = (
    *("cat face", "penguin", "butterfly", "castle", "sunflower", "tropical fish", "crescent moon", "house", "rocket"),
    *("umbrella", "ghost", "mushroom"),
)
_LINOCUT = (
    *("frog", "robot", "evergreen tree", "owl", "red apple", "sunflower", "house", "butterfly", "fox", "rocket"),
    *("mushroom", "penguin"),
)
_PASTELS = ("#ffd1dc", "#c9e4ff", "#fff3b8", "#d3f2cf", "#e5d4ff", "#ffe0c2")
_RING_COLOURS = ("#e8554d", "#2f6fd0", "#1f9e77", "#8a3ffc", "#e07b00", "#c2185b")
_CREAM, _INKS = "#f3e6cc", ("#1c1a19", "#b8321f", "#1c1a19", "#f3e6cc")
_NEONS = ("#39ff88", "#ff3df0", "#27d7ff", "#fff04a", "#ff7a2a")


def rings(shapes: Sequence[Shape], number: int) -> Image.Image:
    """Return a drawing of flat pastel shapes, each within a white and a coloured ring."""
    picture = Image.new("RGB", (SIDE * _FINE,) * 2, _PASTELS[number % len(_PASTELS)])
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        points = _placed(shape.points)
        ring = _RING_COLOURS[(number + shape.tone) % len(_RING_COLOURS)]
        _stroke(pen, points, ring, 11, is_closed=not shape.is_line)
        if shape.is_line:
            continue
        _stroke(pen, points, "#ffffff", 5, is_closed=True)
        inside = "#5b4a6b" if shape.tone == 3 else _PASTELS[(number + 1 + shape.tone) % len(_PASTELS)]
        pen.polygon(points, fill=inside)
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def neon(shapes: Sequence[Shape], number: int) -> Image.Image:
    """Return a drawing of glowing strokes on black paper; shapes in front hide what is behind them."""
    picture = Image.new("RGB", (SIDE * _FINE,) * 2, "#07070c")
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        points = _placed(shape.points)
        if not shape.is_line:
            pen.polygon(points, fill="#07070c")
        _stroke(pen, points, _NEONS[(number + shape.tone) % len(_NEONS)], 3.2, is_closed=not shape.is_line)
    small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return ImageChops.add(small, small.filter(ImageFilter.GaussianBlur(5)))


def linocut(shapes: Sequence[Shape], _: int) -> Image.Image:
    """Return a print in black and red ink on cream paper; a cream line parts each shape from what is behind it."""
    picture = Image.new("RGB", (SIDE * _FINE,) * 2, _CREAM)
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        points = _placed(shape.points)
        _stroke(pen, points, _CREAM, 4.5, is_closed=not shape.is_line)
        if not shape.is_line:
            pen.polygon(points, fill=_INKS[shape.tone])
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


STYLES: dict[str, tuple[tuple[str, ...], Callable[[Sequence[Shape], int], Image.Image]]] = {
    "rings": (_RINGS, rings),
    "neon": (_NEON, neon),
    "linocut": (_LINOCUT, linocut),
}


def write_style(name: str, folder: Path) -> list[Path]:
    """Write the drawings of a style into `folder` and return their files."""
    subjects, paint = STYLES[name]
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:02d}.png" for number in range(1, len(subjects) + 1)]
    for number, (subject, path) in enumerate(zip(subjects, paths, strict=True)):
        paint(SUBJECTS[subject], number).save(path)
    return paths


def _placed(points: Sequence[Point]) -> list[Point]:
    """Return points of the canvas in pixels, with a margin for strokes."""
    unit = SIDE * _FINE / 128
    return [((14 + x) * unit, (14 + y) * unit) for x, y in points]


def _stroke(pen: ImageDraw.ImageDraw, points: Sequence[Point], colour: str, width: float, *, is_closed: bool) -> None:
    """Draw a line with round corners; `width` is in pixels of 128."""
    wide = round(width * SIDE * _FINE / 128)
    pen.line([*points, *points[:2]] if is_closed else list(points), fill=colour, width=wide, joint="curve")
    for x, y in points if not is_closed else ():
        pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=colour)


def main() -> None:
    """Write all styles."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    for name, (subjects, _) in STYLES.items():
        write_style(name, folder / name)
        (folder / f"{name}-subjects.txt").write_text("\n".join(subjects) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""Eighteen subjects as simple shapes on a canvas of 100 x 100: what the invented styles draw (`invented_styles.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed outline, or an open line.

    Attributes:
        points: Its corners; curves have many.
        tone: Which colour of the palette fills it: 0 is the main one, 3 is dark.
        is_line: Whether it is a line, which is not filled.
    """

    points: tuple[Point, ...]
    tone: int
    is_line: bool = False


def _oval(x: float, y: float, wide: float, high: float, tone: int) -> Shape:
    return Shape(_arc(x, y, wide, high, 0, 360), tone)


def _arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> tuple[Point, ...]:
    """Return points of an ellipse from one angle to another, in degrees, clockwise from the right."""
    angles = [(start + (end - start) * step / 48) * pi / 180 for step in range(49)]
    return tuple((x + wide * cos(angle), y + high * sin(angle)) for angle in angles)


def _box(left: float, top: float, right: float, bottom: float, tone: int) -> Shape:
    return Shape(((left, top), (right, top), (right, bottom), (left, bottom)), tone)


def _shape(tone: int, *points: Point) -> Shape:
    return Shape(points, tone)


def _eyes(left: float, right: float, y: float, size: float) -> tuple[Shape, ...]:
    return _oval(left, y, size, size, 3), _oval(right, y, size, size, 3)


def _smile(x: float, y: float, wide: float, high: float) -> Shape:
    return Shape(_arc(x, y, wide, high, 20, 160), 3, is_line=True)


def _petals(count: int, x: float, y: float, away: float, size: float, tone: int) -> tuple[Shape, ...]:
    turns = [2 * pi * step / count for step in range(count)]
    return tuple(_oval(x + away * cos(turn), y + away * sin(turn), size, size, tone) for turn in turns)


SUBJECTS: dict[str, tuple[Shape, ...]] = {
    "fox": (
        _shape(0, (16, 14), (38, 30), (62, 30), (84, 14), (86, 52), (50, 90), (14, 52)),
        _shape(1, (14, 54), (40, 58), (50, 90)),
        _shape(1, (86, 54), (60, 58), (50, 90)),
        *_eyes(36, 64, 52, 4),
        _oval(50, 86, 6, 5, 3),
    ),
    "cat face": (
        _shape(0, (18, 12), (40, 30), (24, 52)),
        _shape(0, (82, 12), (60, 30), (76, 52)),
        _oval(50, 56, 36, 32, 0),
        *_eyes(37, 63, 50, 5),
        _shape(2, (45, 60), (55, 60), (50, 67)),
        _smile(43, 68, 7, 6),
        _smile(57, 68, 7, 6),
    ),
    "owl": (
        _oval(50, 54, 32, 38, 0),
        _shape(0, (22, 14), (46, 24), (24, 40)),
        _shape(0, (78, 14), (54, 24), (76, 40)),
        _oval(50, 70, 20, 20, 1),
        _oval(37, 40, 13, 13, 1),
        _oval(63, 40, 13, 13, 1),
        *_eyes(37, 63, 40, 6),
        _shape(2, (44, 48), (56, 48), (50, 59)),
    ),
    "penguin": (
        _oval(50, 54, 30, 40, 3),
        _oval(50, 62, 20, 30, 1),
        _oval(50, 32, 17, 12, 1),
        *_eyes(43, 57, 30, 3),
        _shape(2, (42, 36), (58, 36), (50, 45)),
        _oval(36, 94, 12, 4, 2),
        _oval(64, 94, 12, 4, 2),
    ),
    "frog": (
        _oval(30, 26, 15, 15, 0),
        _oval(70, 26, 15, 15, 0),
        _oval(50, 56, 40, 32, 0),
        _oval(30, 26, 9, 9, 1),
        _oval(70, 26, 9, 9, 1),
        *_eyes(30, 70, 26, 4),
        _smile(50, 56, 28, 20),
    ),
    "butterfly": (
        _oval(27, 34, 22, 22, 0),
        _oval(73, 34, 22, 22, 0),
        _oval(32, 70, 16, 18, 2),
        _oval(68, 70, 16, 18, 2),
        _oval(27, 34, 9, 9, 1),
        _oval(73, 34, 9, 9, 1),
        _oval(50, 54, 5, 32, 3),
        Shape(((50, 24), (40, 8)), 3, is_line=True),
        Shape(((50, 24), (60, 8)), 3, is_line=True),
    ),
    "ghost": (
        _shape(
            0, *_arc(50, 42, 30, 32, 180, 360), (80, 92), (70, 82), (60, 92), (50, 82), (40, 92), (30, 82), (20, 92)
        ),
        *_eyes(40, 60, 42, 6),
        _oval(50, 60, 6, 8, 3),
    ),
    "robot": (
        Shape(((50, 22), (50, 8)), 3, is_line=True),
        _oval(50, 8, 5, 5, 2),
        _box(8, 44, 20, 66, 2),
        _box(80, 44, 92, 66, 2),
        _box(18, 22, 82, 86, 0),
        _oval(36, 46, 10, 10, 1),
        _oval(64, 46, 10, 10, 1),
        *_eyes(36, 64, 46, 4),
        _box(32, 66, 68, 76, 3),
    ),
    "house": (
        _box(20, 46, 80, 92, 0),
        _shape(2, (8, 48), (50, 10), (92, 48)),
        _box(42, 62, 58, 92, 3),
        _box(26, 56, 38, 70, 1),
        _box(62, 56, 74, 70, 1),
    ),
    "castle": (
        _box(24, 44, 76, 92, 0),
        _box(10, 26, 32, 92, 1),
        _box(68, 26, 90, 92, 1),
        _shape(2, (6, 28), (21, 4), (36, 28)),
        _shape(2, (64, 28), (79, 4), (94, 28)),
        _shape(3, (40, 92), (40, 72), *_arc(50, 72, 10, 10, 180, 360), (60, 92)),
    ),
    "evergreen tree": (
        _box(44, 78, 56, 96, 2),
        _shape(0, (14, 80), (50, 40), (86, 80)),
        _shape(0, (20, 58), (50, 20), (80, 58)),
        _shape(0, (28, 36), (50, 4), (72, 36)),
    ),
    "mushroom": (
        _shape(1, (38, 52), (62, 52), (66, 92), (34, 92)),
        _shape(0, *_arc(50, 54, 42, 44, 180, 360)),
        _oval(32, 38, 8, 8, 1),
        _oval(56, 26, 8, 8, 1),
        _oval(72, 44, 6, 6, 1),
    ),
    "red apple": (
        _oval(36, 60, 26, 32, 0),
        _oval(64, 60, 26, 32, 0),
        Shape(((50, 34), (54, 10)), 3, is_line=True),
        _oval(68, 18, 13, 7, 2),
    ),
    "umbrella": (
        Shape(((50, 14), (50, 84), *_arc(42, 84, 8, 9, 0, 180)), 3, is_line=True),
        _shape(0, *_arc(50, 52, 42, 42, 180, 360)),
        _shape(2, *_arc(50, 52, 15, 42, 180, 360)),
    ),
    "rocket": (
        _shape(2, (34, 58), (14, 84), (36, 80)),
        _shape(2, (66, 58), (86, 84), (64, 80)),
        _shape(0, (50, 4), (64, 24), (68, 50), (64, 80), (36, 80), (32, 50), (36, 24)),
        _oval(50, 42, 10, 10, 1),
        _shape(2, (40, 82), (60, 82), (50, 98)),
    ),
    "crescent moon": (_shape(0, *_arc(50, 50, 42, 42, 50, 310), *_arc(72, 50, 34, 34, 250, 110)),),
    "sunflower": (
        Shape(((50, 60), (50, 98)), 2, is_line=True),
        _oval(66, 82, 13, 6, 2),
        *_petals(12, 50, 40, 26, 9, 0),
        _oval(50, 40, 19, 19, 3),
    ),
    "tropical fish": (
        _shape(2, (66, 52), (96, 26), (96, 78)),
        _shape(2, (34, 30), (56, 8), (64, 32)),
        _oval(42, 52, 36, 26, 0),
        _box(46, 29, 54, 75, 1),
        _oval(22, 46, 5, 5, 3),
    ),
}

"""Aspect-ratio buckets: sizes of about the same area, so that pictures need not be cut to squares.

Every style picture goes to the bucket that is nearest in shape, is resized to cover it, and is cut in the middle; true
size and crop are told to the base (arXiv:2307.01952, Sec. 2.2 and 2.3). All rows of a batch are of one bucket.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_LONGEST = 2.0


def bucket_sizes(side: int, step: int) -> list[tuple[int, int]]:
    """Return (height, width) of all buckets: no larger in area than a square of `side`, at most twice as long as wide.

    Args:
        side: Side of the square of the same area, in pixels.
        step: Sides are multiples of this.
    """
    found = set()
    for height in range(step, int(side * _LONGEST) + 1, step):
        width = side * side // height // step * step
        if width >= step and max(height, width) <= _LONGEST * min(height, width):
            found |= {(height, width), (width, height)}
    square = side // step * step
    return sorted(found | {(square, square)})


def nearest_bucket(height: int, width: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the (height, width) nearest to a picture in shape; of equal shapes, the larger one."""
    shape = math.log(height / width)
    return min(sizes, key=lambda size: (round(abs(math.log(size[0] / size[1]) - shape), 9), -size[0] * size[1]))

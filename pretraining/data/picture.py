"""What a picture is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZE = 128
"""Side of every picture in pixels."""

Picture = NDArray[np.uint8]
"""RGB or RGBA, shape (height, width, channels)."""

"""Numbers that stopped being finite are told, and never drawn, measured or kept."""

from __future__ import annotations

from torch import Tensor

from impasto.core.errors import NotFinite


def require_finite(values: Tensor, what: str, way_out: str) -> Tensor:
    """Return `values` as they are.

    Args:
        values: A tensor of any shape.
        what: What they are, for the message.
        way_out: What to do.

    Raises:
        NotFinite: One of them is infinite or not a number.
    """
    if not bool(values.isfinite().all()):
        raise NotFinite(f"{what} is not finite (numbers overflowed): {way_out}")
    return values

"""Cosines of features, for the metrics that compare pictures one by one."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def cosines(x: Float[Tensor, "m dim"], y: Float[Tensor, "n dim"]) -> Float[Tensor, "m n"]:
    """Return the cosine of all pairs."""
    return normalize(x.double(), dim=1) @ normalize(y.double(), dim=1).T

"""Weights that a file holds whole: what they change is known beside the base's own alone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from impasto.adapters.full_weights import DELTA, WHOLE
from impasto.adapters.patch import locate


def as_changes(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` with W - W0, float32, in the place of whole weights W.

    Args:
        networks: The base's by component name, with its own weights W0.
        tensors: Of a style.

    Raises:
        BaseMismatch: A weight does not exist in this base or has another shape.
    """
    whole = {name.removeprefix(WHOLE): each for name, each in tensors.items() if name.startswith(WHOLE)}
    if not whole:
        return dict(tensors)
    weights = locate(networks, {name: tuple(each.shape) for name, each in whole.items()})
    changes = {DELTA + name: each.float() - weights[name].detach().cpu().float() for name, each in whole.items()}
    return {name: each for name, each in tensors.items() if not name.startswith(WHOLE)} | changes

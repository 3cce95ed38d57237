"""Attach what was learnt for drawing: W = W0 + Σ scale · ΔW, with the touched weights of the base kept and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from impasto.adapters.full_weights import DELTA, WHOLE
from impasto.adapters.low_rank import DOWN, UP
from impasto.adapters.names import find_in
from impasto.core.errors import BaseMismatch


def weight_changes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ΔW by the file's weight name, float32: differences as they are, low-rank pairs multiplied out.

    For a convolution, A is (rank, in, height, width) and B is (out, rank, 1, 1).
    """
    changes = {name.removeprefix(DELTA): value.float() for name, value in tensors.items() if name.startswith(DELTA)}
    for name, down in tensors.items():
        if name.endswith(DOWN):
            up = tensors[name.removesuffix(DOWN) + UP]
            product = up.float().flatten(1) @ down.float().flatten(1)
            changes[name.removesuffix(DOWN) + ".weight"] = product.view(up.shape[0], *down.shape[1:])
    return changes


def change_shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of `weight_changes` without computing any: a small file may ask for a huge product."""
    shapes = {
        name.removeprefix(prefix): tuple(value.shape)
        for name, value in tensors.items()
        for prefix in (DELTA, WHOLE)
        if name.startswith(prefix)
    }
    for name, down in tensors.items():
        if name.endswith(DOWN):
            module = name.removesuffix(DOWN)
            shapes[module + ".weight"] = (tensors[module + UP].shape[0], *down.shape[1:])
    return shapes


def locate(
    networks: Mapping[str, nn.Module], shapes: Mapping[str, tuple[int, ...]], style: str = "the style"
) -> dict[str, nn.Parameter]:
    """Return the base's weight for each change, of which only the shape is needed.

    Args:
        networks: The base's networks by component name.
        shapes: Of the changes, by the weight's name.
        style: What messages call it.

    Raises:
        BaseMismatch: A weight does not exist in this base or has another shape.
    """
    weights = {name: dict(module.named_parameters()) for name, module in networks.items()}
    found = {}
    for name, shape in shapes.items():
        place = find_in(networks, name)
        weight = weights[place[0]].get(place[1]) if place else None
        if weight is None:
            raise BaseMismatch(
                f"{style} changes {name}, which this base does not have: it was trained for another base"
            )
        if tuple(weight.shape) != shape:
            raise BaseMismatch(
                f"{style} changes {name} by {shape} numbers, this base has {tuple(weight.shape)} there: "
                "it was trained for another base"
            )
        found[name] = weight
    return found


@contextmanager
def patched(networks: Mapping[str, nn.Module], styles: Sequence[tuple[Mapping[str, Tensor], float]]) -> Iterator[None]:
    """Add the changes of `styles`, each (tensors, scale), for the length of the block.

    Everything is checked before the first weight changes; afterwards every weight is bit-identical to before.
    """
    places = [locate(networks, change_shapes(tensors)) for tensors, _ in styles]
    kept: dict[int, tuple[nn.Parameter, Tensor]] = {}
    try:
        with torch.no_grad():
            for (tensors, scale), weights in zip(styles, places, strict=True):
                for name, change in weight_changes(tensors).items():
                    weight = weights[name]
                    kept.setdefault(id(weight), (weight, weight.detach().clone()))
                    weight.add_(change.to(weight.device, weight.dtype), alpha=scale)
        yield
    finally:
        with torch.no_grad():
            for weight, original in kept.values():
                weight.copy_(original)

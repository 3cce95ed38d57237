"""Networks whose weights all come from a file: nothing is missing, nothing is left over, nothing stays random."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from impasto.image_prompts.adapter_file import AdapterFile, written

Network = TypeVar("Network", bound=nn.Module)


def filled(
    make: Callable[[], Network], file: AdapterFile, prefix: str, name_in_file: Callable[[str], str] = str
) -> Network:
    """Return a network with the weights of one part of a file, frozen.

    Args:
        make: Makes the network; called on the meta device, so that no weight is ever drawn.
        file: Where the weights are.
        prefix: What the names of that part begin with. Every tensor under it must find its place.
        name_in_file: From the network's name of a weight to that in the file, without the prefix. Weights with one
            name are stacked in one tensor, along the first dimension and in the network's order.

    Raises:
        ConfigError: A weight is missing, too many, or has another shape.
    """
    with torch.device("meta"):
        network = make()
    own = network.state_dict()
    stacks: dict[str, list[str]] = {}
    for name in own:
        stacks.setdefault(prefix + name_in_file(name), []).append(name)
    for name in sorted(file.tensors):
        if name.startswith(prefix) and name not in stacks:
            raise file.damaged(f"it holds {name}, which has no place in it")
    state: dict[str, Tensor] = {}
    for name, stacked in stacks.items():
        first, *rest = own[stacked[0]].shape
        wanted = (first * len(stacked), *rest)
        found = file.shape(name, len(wanted))
        if found != wanted:
            raise file.damaged(f"{name} is {written(found)} and has to be {written(wanted)}")
        state |= dict(zip(stacked, file.tensors[name].chunk(len(stacked)), strict=True))
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)

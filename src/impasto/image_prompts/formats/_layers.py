"""Keys and values of image tokens, which all formats keep by the number of the cross-attention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from impasto.core.errors import ConfigError
from impasto.image_prompts.adapter_file import AdapterFile
from impasto.image_prompts.cross_attentions import CrossAttention
from impasto.image_prompts.filled import filled

_FAMILIES = {768: " as in Stable Diffusion 1.5", 1024: " as in Stable Diffusion 2", 2048: " as in SDXL"}


@dataclass(frozen=True, slots=True)
class LayerNames:
    """How a format calls what it has in every layer.

    Attributes:
        group: What comes before the number.
        key: Name of the layer that makes keys.
        value: Name of the layer that makes values.
    """

    group: str
    key: str
    value: str


IP_ADAPTER = LayerNames("ip_adapter.", "to_k_ip", "to_v_ip")


def read_projections(
    file: AdapterFile, names: LayerNames, layers: Sequence[CrossAttention]
) -> dict[str, tuple[nn.Linear, nn.Linear]]:
    """Return (to_k, to_v) by the path of the attention layer, for all the given layers.

    Raises:
        ConfigError: One is missing or has another shape.
    """

    def linear(layer: CrossAttention, part: str) -> nn.Linear:
        make = partial(nn.Linear, layer.words, layer.channels, bias=False)
        return filled(make, file, f"{names.group}{layer.number}.{part}.")

    return {layer.path: (linear(layer, names.key), linear(layer, names.value)) for layer in layers}


def refuse_other_base(file: AdapterFile, names: LayerNames, layers: Sequence[CrossAttention]) -> None:
    """Raise `ConfigError` if the adapter was made for another denoiser than one with these cross-attentions."""
    shapes = _shapes_of_keys(file, names)
    widths = sorted({width for width, _ in shapes.values()})
    has_same_width = widths == [layers[0].words]
    if has_same_width and max(shapes) == layers[-1].number:
        return
    theirs = " and ".join(f"{width}{_FAMILIES.get(width, '')}" for width in widths)
    ours = f"{layers[0].words}{_FAMILIES.get(layers[0].words, '')}"
    raise ConfigError(
        f"adapter {file.path} does not fit this base: it has {len(shapes)} layers up to number {max(shapes)} for words "
        f"of width {theirs}, the base has {len(layers)} up to number {layers[-1].number} with width {ours}: take an "
        "adapter made for this base"
    )


def refuse_other_layers(
    file: AdapterFile, names: LayerNames, layers: Sequence[CrossAttention], also: Sequence[str] = ()
) -> None:
    """Raise `ConfigError` if the file has more than keys and values of the given cross-attentions.

    Args:
        file: The adapter's file.
        names: What the format calls its layers.
        layers: Cross-attentions whose keys and values may be there.
        also: Other beginnings of names that may be there.
    """
    known = {f"{names.group}{layer.number}.{part}.weight" for layer in layers for part in (names.key, names.value)}
    for name in sorted(file.tensors):
        if name.startswith(names.group) and name not in known and not name.startswith(tuple(also)):
            raise file.damaged(f"it holds {name}, which has no place in a cross-attention of this base")


def _shapes_of_keys(file: AdapterFile, names: LayerNames) -> dict[int, tuple[int, int]]:
    """Return (width of the words, channels) of the layers that make keys, by number."""
    pattern = re.compile(rf"{re.escape(names.group)}(\d{{1,6}})\.{names.key}\.weight")
    shapes = {}
    for name in file.tensors:
        if found := pattern.fullmatch(name):
            channels, width = file.shape(name, 2)
            shapes[int(found[1])] = (width, channels)
    if not shapes:
        raise file.damaged(f"it has no layers {names.group}1.{names.key}.weight")
    return shapes

"""Custom Diffusion as diffusers writes it: `….attn2.processor.to_k_custom_diffusion.weight`, whole weights.

A tensor of nothing stands for a layer that is as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from impasto.adapters.full_weights import WHOLE
from impasto.adapters.names import file_name

_PART = "_custom_diffusion"
_NAME = re.compile(
    r"(?P<layer>.+)\.processor\.(?P<part>to_[qkv]|to_out)_custom_diffusion(?P<rest>(\.0)?\.(weight|bias))"
)


def processor_name(layer: str, part: str) -> str:
    """Return what a file calls the weight of `part` ("to_k") of an attention layer."""
    return f"{layer}.processor.{part}{_PART}.weight"


def whole_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return the weights under impasto's names, or None where the tensors are of another format."""
    told = {name: each for name, each in tensors.items() if each.numel()}
    parts = {name: _NAME.fullmatch(name) for name in told}
    if not told or not all(parts.values()):
        return None
    return {
        f"{WHOLE}{file_name('unet', '{layer}.{part}{rest}'.format(**part.groupdict()))}": told[name]
        for name, part in parts.items()
        if part is not None
    }

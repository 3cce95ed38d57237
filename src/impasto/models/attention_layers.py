"""The attention layers of a denoiser as places that a control can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from diffusers.models.attention_processor import Attention
from torch import nn

from impasto.models.roles import Roles

Kind: TypeAlias = Literal["self", "cross"]


@dataclass(frozen=True, slots=True)
class AttentionLayer:
    """One attention layer.

    Attributes:
        name: Its path in the denoiser, e.g. "up_blocks.0.attentions.1.transformer_blocks.0.attn2".
        kind: Attention among the places of the picture, or to words and style pictures.
        roles: What the block that it belongs to decides, e.g. "style"; empty where nothing is known.
    """

    name: str
    kind: Kind
    roles: tuple[str, ...] = ()


def attention_layers_of(denoiser: nn.Module, roles: Roles) -> Mapping[str, AttentionLayer]:
    """Return all attention layers by name, in the order of the module tree, which is that of `attn_processors`."""
    return {
        path: AttentionLayer(path, "cross" if module.is_cross_attention else "self", _roles_of(path, roles))
        for path, module in denoiser.named_modules()
        if isinstance(module, Attention)
    }


def _roles_of(path: str, roles: Roles) -> tuple[str, ...]:
    return tuple(role for role, blocks in roles.items() if any(path.startswith(f"{block}.") for block in blocks))

"""Contrastive Style Descriptors: a CLIP ViT-L whose head was trained to tell styles apart.

Paper: Measuring Style Similarity in Diffusion Models, arXiv:2404.01292, code `learn2phoenix/CSD`. The published
checkpoint holds OpenAI's names of the vision tower under `backbone.` and two heads; that of style is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPVisionConfig, CLIPVisionModel

from impasto.core.errors import ResourceError
from impasto.features._pixels import CLIP_MEAN, CLIP_STD, standardised
from impasto.features._weights import read_weights

_HEAD = "last_layer_style"
_LAYER = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
_OUTSIDE = {
    "conv1.weight": "embeddings.patch_embedding.weight",
    "class_embedding": "embeddings.class_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    **{f"ln_pre.{kind}": f"pre_layrnorm.{kind}" for kind in ("weight", "bias")},
    **{f"ln_post.{kind}": f"post_layernorm.{kind}" for kind in ("weight", "bias")},
}
_IN_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


class CSDFeatures:
    """Extracts features of pictures.

    Args:
        weights: Tensors of the published checkpoint by name.
        device: Where to compute.

    Raises:
        ResourceError: The weights are those of another network.
    """

    has_unit_length = True

    def __init__(self, weights: Mapping[str, Tensor], device: torch.device) -> None:
        plain = {name.removeprefix("module."): tensor.float() for name, tensor in weights.items()}
        tower = {
            name.removeprefix("backbone."): tensor for name, tensor in plain.items() if name.startswith("backbone.")
        }
        if _HEAD not in plain or "conv1.weight" not in tower:
            raise ResourceError(
                f"the weights are not those of CSD: they lack {_HEAD} or backbone.conv1.weight; see docs/evaluate.md"
            )
        self._side, self._model = _vision_model(tower)
        self._model.to(device).eval()  # type: ignore[arg-type]  # transformers wraps to() without its self
        self._head, self._device = plain[_HEAD].to(device), device

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> CSDFeatures:
        """Return the extractor with the weights in a .safetensors file."""
        return cls(read_weights(checkpoint, "csd", "csd:FILE.safetensors"), device)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length style feature for each picture; on the CPU."""
        pixels = standardised(pictures, self._side, CLIP_MEAN, CLIP_STD)
        parts = [
            self._model(pixel_values=part.to(self._device)).pooler_output @ self._head
            for part in torch.split(pixels, batch)
        ]
        return normalize(torch.cat(parts).cpu(), dim=-1)


def _vision_model(tower: Mapping[str, Tensor]) -> tuple[int, CLIPVisionModel]:
    """Return the side of its pictures and transformers' model of a vision tower under OpenAI's names."""
    width, _, patch, _ = tower["conv1.weight"].shape
    side = round((len(tower["positional_embedding"]) - 1) ** 0.5) * patch
    renamed = _renamed(tower)
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=len(renamed["encoder.layers.0.mlp.fc1.bias"]),
        num_hidden_layers=len([name for name in renamed if name.endswith("layer_norm1.bias")]),
        num_attention_heads=max(1, width // 64),
        image_size=side,
        patch_size=patch,
        hidden_act="quick_gelu",
    )
    model = CLIPVisionModel(config)
    prefix = "vision_model." if any(name.startswith("vision_model.") for name in model.state_dict()) else ""
    try:
        missing, _ = model.load_state_dict({prefix + name: tensor for name, tensor in renamed.items()}, strict=False)
    except RuntimeError as error:
        raise ResourceError("the weights are not those of CSD: their shapes do not fit a CLIP vision tower") from error
    lacking = [name for name in missing if not name.endswith("position_ids")]
    if lacking:
        raise ResourceError(f"the weights are not those of CSD: they lack {lacking[0]}")
    return side, model


def _renamed(tower: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a tower under transformers' names; OpenAI keeps q, k and v in one matrix."""
    renamed = {_OUTSIDE[name]: tensor for name, tensor in tower.items() if name in _OUTSIDE}
    for name, tensor in tower.items():
        found = _LAYER.fullmatch(name)
        if found is None:
            continue
        layer, (part, _, kind) = f"encoder.layers.{found[1]}", found[2].rpartition(".")
        if kind.startswith("in_proj_"):
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                renamed[f"{layer}.self_attn.{letter}_proj.{kind.removeprefix('in_proj_')}"] = third
        elif part in _IN_LAYER:
            renamed[f"{layer}.{_IN_LAYER[part]}.{kind}"] = tensor
    return renamed

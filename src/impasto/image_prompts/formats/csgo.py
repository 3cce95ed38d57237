"""CSGO (arXiv:2408.16766): a Resampler for style alone, read by the cross-attentions of the up blocks.

Files: `csgo` (16 style tokens) and `csgo_4_32` (32). The encoder is ViT-bigG. The unconditional branch is shown the
Resampler's tokens of hidden states that are all zero, other than in IP-Adapter-Plus. What the files hold for content
is not used: the authors' own code leaves it out while drawing, and so are the style layers for their ControlNet. A
first convolution in the file takes the place of the base's, as in the authors' loader, but goes when all is drawn.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from impasto.adapters.full_weights import DELTA
from impasto.core.errors import ConfigError
from impasto.image_prompts.adapter_file import AdapterFile, written
from impasto.image_prompts.cross_attentions import cross_attentions
from impasto.image_prompts.formats._format import AdapterFormat, Contents
from impasto.image_prompts.formats._layers import IP_ADAPTER, read_projections, refuse_other_base, refuse_other_layers
from impasto.image_prompts.formats._resampler import read_resampler
from impasto.models.latent_diffusion import LatentDiffusion

_TITLE = "CSGO"
_STYLE = "style_image_proj."
_CONV_IN = "conv_in_unet_sd."
_LEFT_OUT = {
    "content_image_proj.": "its tokens for content",
    "controlnet_adapter_modules.": "its layers for a ControlNet",
}


def _matches(names: Collection[str]) -> bool:
    return any(name.startswith(_STYLE) for name in names)


def _read(file: AdapterFile, base: LatentDiffusion) -> Contents:
    layers = cross_attentions(base.denoiser)
    file.refuse_others((_STYLE, IP_ADAPTER.group, _CONV_IN, *_LEFT_OUT))
    styled = [layer for layer in layers if layer.path.startswith("up_blocks.")]
    has_middle = _has(file, f"{IP_ADAPTER.group}{layers[-1].number}.")
    refuse_other_base(file, IP_ADAPTER, layers if has_middle else styled)
    unused = [f"{IP_ADAPTER.group}{layer.number}." for layer in layers if layer not in styled]
    refuse_other_layers(file, IP_ADAPTER, styled, unused)
    changes = _changed_conv_in(file, base)
    projection, features, width = read_resampler(file, _STYLE)
    if width != layers[0].words:
        raise file.damaged(f"style_image_proj makes tokens of width {width}, its layers read {layers[0].words}")
    projections = read_projections(file, IP_ADAPTER, styled)
    notes = [f"{what} are left out" for prefix, what in _LEFT_OUT.items() if _has(file, prefix)]
    if any(_has(file, prefix) for prefix in unused):
        notes.append("its layers outside the up blocks are left out")
    if changes:
        notes.append("its first convolution takes the place of the base's while it is drawn with")
    return Contents(
        _TITLE, projection, "states", features, "zero features", projections, changes=changes, notes=tuple(notes)
    )


def _has(file: AdapterFile, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in file.tensors)


def _changed_conv_in(file: AdapterFile, base: LatentDiffusion) -> dict[str, Tensor]:
    """Return the difference to the base's first convolution, empty where the file brings the same or none.

    Raises:
        ConfigError: It has another shape.
    """
    known = base.denoiser.conv_in.state_dict()
    changes = {}
    for name in sorted(file.tensors):
        if not name.startswith(_CONV_IN):
            continue
        own, theirs = known.get(name.removeprefix(_CONV_IN)), file.tensors[name]
        if own is None:
            raise file.damaged(f"it holds {name}, which has no place in a convolution")
        if theirs.shape != own.shape:
            raise ConfigError(
                f"adapter {file.path} does not fit this base: {name} is {written(theirs.shape)} and the base's is "
                f"{written(own.shape)}: take the base it was made for"
            )
        exact, before = theirs.float(), own.float().cpu()
        if not torch.allclose(exact, before, rtol=5e-3, atol=1e-4):  # half precision rounds
            changes[f"{DELTA}{base.denoiser_name}.conv_in.{name.removeprefix(_CONV_IN)}"] = exact - before
    return changes


FORMAT = AdapterFormat(_TITLE, _matches, _read)

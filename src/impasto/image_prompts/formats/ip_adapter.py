"""IP-Adapter (arXiv:2308.06721): one embedding of the picture becomes a few tokens.

Files: `ip-adapter_sd15`, `ip-adapter_sdxl` (encoder ViT-bigG), `ip-adapter_sdxl_vit-h` and those of the same layout.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from diffusers.models.embeddings import ImageProjection

from impasto.image_prompts.adapter_file import AdapterFile
from impasto.image_prompts.cross_attentions import cross_attentions
from impasto.image_prompts.filled import filled
from impasto.image_prompts.formats._format import AdapterFormat, Contents
from impasto.image_prompts.formats._layers import IP_ADAPTER, read_projections, refuse_other_base, refuse_other_layers
from impasto.models.latent_diffusion import LatentDiffusion

_TITLE = "IP-Adapter"


def _matches(names: Collection[str]) -> bool:
    return "image_proj.proj.weight" in names or "image_proj.proj.bias" in names


def _read(file: AdapterFile, base: LatentDiffusion) -> Contents:
    layers = cross_attentions(base.denoiser)
    file.refuse_others(("image_proj.", IP_ADAPTER.group))
    refuse_other_base(file, IP_ADAPTER, layers)
    refuse_other_layers(file, IP_ADAPTER, layers)
    _, features = file.shape("image_proj.proj.weight", 2)
    width = layers[0].words
    num_tokens = max(1, file.shape("image_proj.proj.weight", 2)[0] // width)
    make = partial(ImageProjection, features, width, num_tokens)
    return Contents(
        _TITLE,
        filled(make, file, "image_proj.", lambda name: name.replace("image_embeds", "proj")),
        "embeds",
        features,
        "zero features",
        read_projections(file, IP_ADAPTER, layers),
    )


FORMAT = AdapterFormat(_TITLE, _matches, _read)

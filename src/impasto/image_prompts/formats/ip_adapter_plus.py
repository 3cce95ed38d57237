"""IP-Adapter-Plus (arXiv:2308.06721): a Resampler reads the penultimate states of the image encoder.

Files: `ip-adapter-plus_sd15`, `ip-adapter-plus_sdxl_vit-h` and those of the same layout; pocket's own.
"""

from __future__ import annotations

from collections.abc import Collection

from impasto.image_prompts.adapter_file import AdapterFile
from impasto.image_prompts.cross_attentions import cross_attentions
from impasto.image_prompts.formats._format import AdapterFormat, Contents
from impasto.image_prompts.formats._layers import IP_ADAPTER, read_projections, refuse_other_base, refuse_other_layers
from impasto.image_prompts.formats._resampler import read_resampler
from impasto.models.latent_diffusion import LatentDiffusion

_TITLE = "IP-Adapter-Plus"


def _matches(names: Collection[str]) -> bool:
    return any(name.startswith(("image_proj.latents", "image_proj.layers.")) for name in names)


def _read(file: AdapterFile, base: LatentDiffusion) -> Contents:
    layers = cross_attentions(base.denoiser)
    file.refuse_others(("image_proj.", IP_ADAPTER.group))
    refuse_other_base(file, IP_ADAPTER, layers)
    refuse_other_layers(file, IP_ADAPTER, layers)
    projection, features, width = read_resampler(file, "image_proj.")
    if width != layers[0].words:
        raise file.damaged(f"image_proj makes tokens of width {width}, its layers read {layers[0].words}")
    projections = read_projections(file, IP_ADAPTER, layers)
    return Contents(_TITLE, projection, "states", features, "zero picture", projections)


FORMAT = AdapterFormat(_TITLE, _matches, _read)

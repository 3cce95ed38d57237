"""Colours of latents without the decoder: a linear map, one pixel for each place, of which people make previews.

y = A z + b        A, b = argmin Σ_p ‖A z_p + b - y_p‖²

z_p are the latents at a place p, y_p is the mean colour of the pixels that the base's own decoder makes of it. So the
map belongs to a base and nothing about it has to be known beforehand. It is fitted on smooth random latents, since
neighbours of a place bleed into its pixels: where they are alike, what bleeds is what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from impasto.core.rng import generator
from impasto.models.latent_diffusion import LatentDiffusion

_SAMPLES, _SIDE, _COARSE = 16, 16, 2
_SEED = 0


@dataclass(frozen=True, slots=True)
class LatentColours:
    """The map of a base.

    Attributes:
        matrix: A.
        offset: b.
    """

    matrix: Float[Tensor, "3 c"]
    offset: Float[Tensor, " 3"]

    def __call__(self, latents: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch 3 h w"]:
        """Return pictures in [-1, 1], float32 on the CPU, of the size of the latents."""
        z = latents.float().cpu()
        return (torch.einsum("dc,nchw->ndhw", self.matrix, z) + self.offset.view(1, 3, 1, 1)).clamp(-1, 1)


_FITTED: WeakKeyDictionary[LatentDiffusion, LatentColours] = WeakKeyDictionary()
"""Maps by base, while it is open: an autoencoder never changes, and fitting takes longer than a drawing step."""


def latent_colours(base: LatentDiffusion) -> LatentColours:
    """Return the map of `base`, fitted the first time that it is asked for: decodes a handful of small latents once."""
    found = _FITTED.get(base)
    if found is None:
        _FITTED[base] = found = fitted_colours(base)
    return found


@torch.no_grad()
def fitted_colours(base: LatentDiffusion) -> LatentColours:
    """Fit the map of `base`."""
    z = smooth_latents(int(base.vae.config["latent_channels"]))
    y = F.avg_pool2d(base.decode(z.to(base.device)), base.factor)
    places = z.movedim(1, -1).flatten(0, 2)
    with_one = torch.cat([places, torch.ones(len(places), 1)], dim=1)
    found = torch.linalg.lstsq(with_one, y.movedim(1, -1).flatten(0, 2)).solution
    return LatentColours(found[:-1].T.contiguous(), found[-1].contiguous())


def smooth_latents(channels: int) -> Float[Tensor, "batch c h w"]:
    """Return the latents that maps are fitted on: seeded noise on a coarse grid, enlarged, of unit variance."""
    coarse = torch.randn((_SAMPLES, channels, _COARSE, _COARSE), generator=generator(_SEED))
    smooth = F.interpolate(coarse, size=(_SIDE, _SIDE), mode="bicubic")
    return smooth / smooth.std(dim=(0, 2, 3), keepdim=True)

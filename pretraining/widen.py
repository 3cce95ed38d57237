"""Twice the channels at full size, and the same function: so that a decoder can learn finer edges from where it is.

Every channel of the full-size level is doubled, its copy beside it, so that the groups of GroupNorm keep their
statistics. Layers that read it share each weight between the two copies. They do not share it evenly: copies with equal
weights on both sides would get equal gradients and stay copies for ever. (Function-preserving growth: Net2Net,
arXiv 1511.05641, Sec. 2.2.)

`AutoencoderKL` has one width for both halves, so the encoder is widened too and stays the same function.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pretraining.autoencoder import make_autoencoder, width_of

UNEVEN = 0.25
"""A copy gets from 1/2 - UNEVEN to 1/2 + UNEVEN of a weight, and the other the rest."""


def widened(model: AutoencoderKL, rng: torch.Generator) -> AutoencoderKL:
    """Return an autoencoder with twice the channels at full size that computes what `model` computes.

    Args:
        model: Stays as it is.
        rng: Says how weights are shared between copies.
    """
    narrow = model.state_dict()
    wide = make_autoencoder(2 * width_of(narrow))
    made = {name: _grown(narrow, name, value, rng) for name, value in wide.state_dict().items()}
    wide.load_state_dict(made)
    wide.register_to_config(scaling_factor=model.config["scaling_factor"])
    wide.to(next(model.parameters()).device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    return wide.train(model.training)


def _grown(narrow: dict[str, Tensor], name: str, wanted: Tensor, rng: torch.Generator) -> Tensor:
    """Return the weight `name` with the shape of `wanted`."""
    if name in narrow:
        value = narrow[name]
    elif name.endswith("conv_shortcut.bias"):
        return torch.zeros_like(wanted)
    else:  # a block that keeps its width has no shortcut: where it no longer does, what stands for it is the identity
        value = torch.eye(min(wanted.shape[:2]))[:, :, None, None]
    if len(wanted) == 2 * len(value):
        value = value.repeat_interleave(2, dim=0)
    if wanted.ndim > 1 and wanted.shape[1] == 2 * value.shape[1]:
        value = _shared(value, rng)
    return value


def _shared(weight: Tensor, rng: torch.Generator) -> Tensor:
    """Return a kernel that reads each channel and its copy with parts of one weight."""
    out, into = weight.shape[:2]
    part = 0.5 + UNEVEN * (2 * torch.rand((out, into, 1, 1), generator=rng) - 1)
    parts = torch.stack([part, 1 - part], dim=2).flatten(1, 2)
    return weight.repeat_interleave(2, dim=1) * parts.to(weight.device)

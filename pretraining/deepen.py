"""More layers of attention, and the same function: so that a denoiser whose loss has levelled off can go on learning.

Every block with attention gets layers behind those that it has. A new layer adds nothing: what it writes (the outputs
of both attentions and of the feed-forward part) begins as zero; everything before that begins as a copy of the layer in
front of it. (Residual branches that begin as zero: ReZero, arXiv 2003.04887; growth: Net2Net, arXiv 1511.05641.)

Run: `python -m pretraining.deepen --layers 3`, then `pretraining.denoiser --anew`; the image prompt adapter has to be
trained anew.
"""

from __future__ import annotations

import argparse
import re

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from pretraining.checkpoint import load_stage, write_weights
from pretraining.denoiser import STAGE, layers_of, make_denoiser, saved_layers

_LAYER = re.compile(r"transformer_blocks\.(\d+)\.")
_WRITTEN = ("attn1.to_out.0.", "attn2.to_out.0.", "ff.net.2.")


def deepened(model: UNet2DConditionModel, layers: int) -> UNet2DConditionModel:
    """Return a UNet with `layers` layers of attention in each block that computes what `model` computes.

    Args:
        model: Stays as it is.
        layers: More than `model` has.

    Raises:
        ValueError: `model` has as many already.
    """
    state = model.state_dict()
    if layers_of(state) >= layers:
        raise ValueError(f"layers {layers}: the denoiser has {layers_of(state)}, give more")
    deep = make_denoiser(layers)
    deep.load_state_dict({name: _grown(state, name, value) for name, value in deep.state_dict().items()})
    return deep.train(model.training)


def _grown(state: dict[str, Tensor], name: str, wanted: Tensor) -> Tensor:
    """Return the weight `name`, of the shape of `wanted`."""
    if name in state:
        return state[name]
    if any(part in name for part in _WRITTEN):
        return torch.zeros_like(wanted)
    return state[_LAYER.sub(f"transformer_blocks.{layers_of(state) - 1}.", name)]


def main() -> None:
    """Put the deeper denoiser in the place of the saved one; moments of its optimiser do not fit it and are gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, required=True, help="layers of attention in each block")
    layers: int = parser.parse_args().layers
    models = {"unet": make_denoiser(saved_layers()), "ema": make_denoiser(saved_layers())}
    counters = load_stage(STAGE, models, None)
    write_weights(STAGE, {name: deepened(model, layers) for name, model in models.items()}, counters)


if __name__ == "__main__":
    main()

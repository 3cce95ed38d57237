"""More layers of attention, and the same function: so that a denoiser whose loss has levelled off can go on learning.

Every block with attention gets layers behind those that it has. A new layer adds nothing: what it writes (the outputs
of both attentions and of the feed-forward part) begins as zero; everything before that begins as a copy of the layer in
front of it. (Residual branches that begin as zero: ReZero, arXiv 2003.04887; growth: Net2Net, arXiv 1511.05641.)

The image prompt adapter, where there is one, gets keys and values for the new layers. They change nothing either as
long as a new layer writes zero, so it can go on learning after the denoiser has.

Run: `python -m pretraining.deepen --layers 3`, then `denoiser --anew` and `image_prompt --anew`.
"""

from __future__ import annotations

import argparse
import re

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from pretraining import image_prompt
from pretraining.checkpoint import load_stage, write_weights
from pretraining.denoiser import STAGE, layers_of, make_denoiser, saved_layers
from pretraining.towers import Towers, load_tokenizer

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


def deepened_adapter(
    adapter: nn.ModuleDict, model: UNet2DConditionModel, deep: UNet2DConditionModel, image_width: int
) -> nn.ModuleDict:
    """Return the image prompt adapter for `deep`, attached to it; a new layer begins with keys and values of the last.

    Args:
        adapter: As `image_prompt.attach_image_prompt` put it into `model`; stays as it is.
        model: What `deepened` was given.
        deep: What it returned; gets processors and the projection.
        image_width: Channels of the image encoder's hidden states.
    """
    grown = image_prompt.attach_image_prompt(deep, image_width, device=torch.device("cpu"))
    places = {name: place for place, name in enumerate(_cross_attentions(model))}
    last = layers_of(model.state_dict()) - 1
    state = adapter.state_dict()
    made = {name: value for name, value in state.items() if name.startswith("image_proj.")}
    for place, name in enumerate(_cross_attentions(deep)):
        source = places[name if name in places else _LAYER.sub(f"transformer_blocks.{last}.", name)]
        for part in ("to_k_ip.0.weight", "to_v_ip.0.weight"):
            made[f"ip_adapter.{place}.{part}"] = state[f"ip_adapter.{source}.{part}"]
    grown.load_state_dict(made)
    return grown


def _cross_attentions(model: UNet2DConditionModel) -> list[str]:
    return [name for name in model.attn_processors if name.endswith("attn2.processor")]


def main() -> None:
    """Put the deeper denoiser in the place of the saved one; moments of its optimiser do not fit it and are gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, required=True, help="layers of attention in each block")
    layers: int = parser.parse_args().layers
    models = {"unet": make_denoiser(saved_layers()), "ema": make_denoiser(saved_layers())}
    counters = load_stage(STAGE, models, None)
    deep = {name: deepened(model, layers) for name, model in models.items()}
    image_width = Towers(load_tokenizer()).image_encoder.config.hidden_size
    adapter = image_prompt.attach_image_prompt(models["ema"], image_width, device=torch.device("cpu"))
    learnt = load_stage(image_prompt.STAGE, {"adapter": adapter}, None)
    write_weights(STAGE, deep, counters)
    if learnt:
        grown = deepened_adapter(adapter, models["ema"], deep["ema"], image_width)
        write_weights(image_prompt.STAGE, {"adapter": grown}, learnt)


if __name__ == "__main__":
    main()

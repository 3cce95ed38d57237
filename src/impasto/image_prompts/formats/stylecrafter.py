"""StyleCrafter-SDXL (arXiv:2312.00330): a query transformer, and layers that are normalised and weighed by the words.

File: `stylecrafter_sdxl`. The encoder is a ViT-H/14. The unconditional branch sees no picture.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from torch import nn

from impasto.image_prompts.adapter_file import AdapterFile
from impasto.image_prompts.cross_attentions import CrossAttention, cross_attentions
from impasto.image_prompts.filled import filled
from impasto.image_prompts.formats._format import AdapterFormat, Contents
from impasto.image_prompts.formats._layers import LayerNames, read_projections, refuse_other_base, refuse_other_layers
from impasto.image_prompts.style_gates import HEAD, QueryTransformer, ScalePredictor, StyleGates
from impasto.models.latent_diffusion import LatentDiffusion

_TITLE = "StyleCrafter"
_LAYERS = LayerNames("kv_attn_layers.", "to_k_style", "to_v_style")
_TOKENS, _SCALES = "image_context_model.", "scale_predictor."

_PARTS = (
    ("self_attn.", "attn."),
    ("linear1.", "mlp.c_fc."),
    ("linear2.", "mlp.c_proj."),
    ("norm1.", "ln_1."),
    ("norm2.", "ln_2."),
)
"""torch's names of what a transformer layer consists of, and those in the file."""


def _matches(names: Collection[str]) -> bool:
    return any(name.startswith((_LAYERS.group, _TOKENS)) for name in names)


def _read(file: AdapterFile, base: LatentDiffusion) -> Contents:
    layers = cross_attentions(base.denoiser)
    file.refuse_others((_LAYERS.group, _TOKENS, _SCALES))
    refuse_other_base(file, _LAYERS, layers)
    refuse_other_layers(file, _LAYERS, layers, [_norm(layer) for layer in layers])
    features, _ = file.shape(f"{_TOKENS}proj", 2)
    projection = filled(partial(_query_transformer, file, _TOKENS), file, _TOKENS, name_in_file)
    return Contents(
        _TITLE,
        projection,
        "states",
        features,
        "none",
        read_projections(file, _LAYERS, layers),
        StyleGates(_norms(file, layers), _predictor(file, layers)),
    )


def _query_transformer(file: AdapterFile, prefix: str) -> QueryTransformer:
    _, queries, width = file.shape(f"{prefix}query_emb", 3)
    _, output = file.shape(f"{prefix}proj", 2)
    blocks = f"{prefix}transformer_blocks.resblocks."
    depth = len({name.removeprefix(blocks).partition(".")[0] for name in file.tensors if name.startswith(blocks)})
    feed_forward, _ = file.shape(f"{blocks}0.mlp.c_fc.weight", 2)
    if width % HEAD:
        raise file.damaged(f"{prefix}query_emb has {width} channels, which are no heads of {HEAD}")
    return QueryTransformer(width, output, queries, depth=depth, feed_forward=feed_forward)


def _predictor(file: AdapterFile, layers: Sequence[CrossAttention]) -> ScalePredictor:
    _, queries, _ = file.shape(f"{_SCALES}scale_predictor.query_emb", 3)
    if queries != len(layers):
        raise file.damaged(f"it weighs {queries} layers and has {len(layers)}")
    hidden, _ = file.shape(f"{_SCALES}out_proj.0.weight", 2)

    def make() -> ScalePredictor:
        return ScalePredictor(layers[0].words, _query_transformer(file, f"{_SCALES}scale_predictor."), hidden)

    return filled(make, file, _SCALES, name_in_file)


def _norms(file: AdapterFile, layers: Sequence[CrossAttention]) -> dict[str, nn.LayerNorm]:
    return {layer.path: filled(partial(nn.LayerNorm, layer.channels), file, _norm(layer)) for layer in layers}


def _norm(layer: CrossAttention) -> str:
    return f"{_LAYERS.group}{layer.number}.norm_style."


def name_in_file(name: str) -> str:
    """Return what the file calls a weight, without the prefix."""
    before, blocks, after = name.partition("blocks.")
    if not blocks:
        return name
    number, _, part = after.partition(".")
    for ours, theirs in _PARTS:
        if part.startswith(ours):
            return f"{before}transformer_blocks.resblocks.{number}.{theirs}{part.removeprefix(ours)}"
    return name


FORMAT = AdapterFormat(_TITLE, _matches, _read)

"""Every module of a UNet that a LoRA can change, by its name in diffusers and in the original code (LDM).

Names are looked up in these tables and never taken apart: an underscore in kohya's spelling may be a dot or not.

The numbering: with two layers a block, the LDM UNet counts `input_blocks` and `output_blocks` through all blocks, a
downsampler being an entry of its own and an upsampler the last part of an entry. Which block has attention, and how
deep, is read from the published configurations.
"""

from __future__ import annotations

from collections.abc import Sequence

_LAYERS = 2
_RESNET = {
    "conv1": "in_layers.2",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_TRANSFORMER = (
    *(f"{attention}.{matrix}" for attention in ("attn1", "attn2") for matrix in ("to_q", "to_k", "to_v", "to_out.0")),
    *("ff.net.0.proj", "ff.net.2"),
)


def _resnet(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.{part}": f"{theirs}.{name}" for part, name in _RESNET.items()}


def _attention(ours: str, theirs: str, depth: int) -> dict[str, str]:
    """Return the modules of one spatial transformer; depth 0 stands for none. Inside, both codes agree."""
    if depth == 0:
        return {}
    parts = [f"transformer_blocks.{layer}.{part}" for layer in range(depth) for part in _TRANSFORMER]
    return {f"{ours}.{part}": f"{theirs}.{part}" for part in ("proj_in", *parts, "proj_out")}


def ldm_names(down: Sequence[int], middle: int, up: Sequence[int]) -> dict[str, str]:
    """Return LDM names by diffusers path, given the depth of the transformers in each block."""
    last, period = len(down) - 1, _LAYERS + 1
    names = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_out": "out.2",
    }
    for block, depth in enumerate(down):
        for layer in range(_LAYERS):
            entry = f"input_blocks.{1 + period * block + layer}"
            names |= _resnet(f"down_blocks.{block}.resnets.{layer}", f"{entry}.0")
            names |= _attention(f"down_blocks.{block}.attentions.{layer}", f"{entry}.1", depth)
        if block < last:
            names[f"down_blocks.{block}.downsamplers.0.conv"] = f"input_blocks.{period * (block + 1)}.0.op"
    names |= _resnet("mid_block.resnets.0", "middle_block.0")
    names |= _attention("mid_block.attentions.0", "middle_block.1", middle)
    names |= _resnet("mid_block.resnets.1", "middle_block.2")
    for block, depth in enumerate(up):
        for layer in range(_LAYERS + 1):
            entry = f"output_blocks.{period * block + layer}"
            names |= _resnet(f"up_blocks.{block}.resnets.{layer}", f"{entry}.0")
            names |= _attention(f"up_blocks.{block}.attentions.{layer}", f"{entry}.1", depth)
        if block < last:
            entry = f"output_blocks.{period * block + _LAYERS}"
            names[f"up_blocks.{block}.upsamplers.0.conv"] = f"{entry}.{2 if depth else 1}.conv"
    return names

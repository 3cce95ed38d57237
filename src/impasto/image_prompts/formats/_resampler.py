"""The Resampler of IP-Adapter-Plus, which CSGO has too: learned queries read all states of the image encoder."""

from __future__ import annotations

import re
from functools import partial

from diffusers.models.embeddings import IPAdapterPlusImageProjection

from impasto.image_prompts.adapter_file import AdapterFile
from impasto.image_prompts.filled import filled

_HEAD = 64
"""Channels of a head, which no file says; all published Resamplers and pocket's have it."""

_PARTS = (
    ("ln0.", "0.norm1."),
    ("ln1.", "0.norm2."),
    ("attn.to_q.", "0.to_q."),
    ("attn.to_k.", "0.to_kv."),
    ("attn.to_v.", "0.to_kv."),
    ("attn.to_out.0.", "0.to_out."),
    ("ff.0.", "1.0."),
    ("ff.1.net.0.proj.", "1.1."),
    ("ff.1.net.2.", "1.3."),
)
"""diffusers' names of what a layer consists of, and the published ones; keys and values are one matrix there."""


def read_resampler(file: AdapterFile, prefix: str) -> tuple[IPAdapterPlusImageProjection, int, int]:
    """Return the Resampler in a part of a file, the width of the features it reads, and that of its tokens.

    Raises:
        ConfigError: A tensor is missing, too many, or has another shape.
    """
    _, queries, hidden = file.shape(f"{prefix}latents", 3)
    _, features = file.shape(f"{prefix}proj_in.weight", 2)
    width, _ = file.shape(f"{prefix}proj_out.weight", 2)
    inner, _ = file.shape(f"{prefix}layers.0.0.to_q.weight", 2)
    if inner % _HEAD:
        raise file.damaged(f"{prefix}layers.0.0.to_q.weight makes {inner} channels, which are no heads of {_HEAD}")
    feed_forward, _ = file.shape(f"{prefix}layers.0.1.1.weight", 2)
    make = partial(
        IPAdapterPlusImageProjection,
        features,
        width,
        hidden,
        depth=_depth(file, prefix),
        dim_head=_HEAD,
        heads=inner // _HEAD,
        num_queries=queries,
        ffn_ratio=max(1, feed_forward // hidden),
    )
    return filled(make, file, prefix, name_in_file), features, width


def _depth(file: AdapterFile, prefix: str) -> int:
    pattern = re.compile(rf"{re.escape(prefix)}layers\.(\d{{1,3}})\.")
    return 1 + max(int(found[1]) for name in file.tensors if (found := pattern.match(name)))


def name_in_file(name: str) -> str:
    """Return what published files call the weight `name` of diffusers' Resampler."""
    if not name.startswith("layers."):
        return name
    _, number, part = name.split(".", 2)
    for ours, theirs in _PARTS:
        if part.startswith(ours):
            return f"layers.{number}.{theirs}{part.removeprefix(ours)}"
    return name

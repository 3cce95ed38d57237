"""Which way of computing attention is quick backwards, for the length of a training.

torch's fused attention is the best choice nearly everywhere. On CPUs in half precision its backward pass is slow:
there attention written out (softmax(QKᵀ/√d) V, as matrix products) is quicker, as `benchmarks/step_ladder.py` measures.
Written out, it keeps a matrix of tokens x tokens for every head, so long sequences stay with the fused one. The result
is the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol, cast

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import nn

MAX_TOKENS = 1024
"""Longest sequence of latents for which attention is written out: 32 x 32 places."""

_EAGER = "eager"  # how transformers calls attention that is written out


class _Encoder(Protocol):
    """The part of a transformers model that chooses its attention."""

    config: _EncoderConfig

    def set_attn_implementation(self, implementation: str) -> None:
        """Choose how attention is computed."""


class _EncoderConfig(Protocol):
    _attn_implementation: str


def should_write_out(device: torch.device, arithmetic: torch.dtype, tokens: int) -> bool:
    """Return whether attention that is written out trains faster.

    Args:
        device: Where the network is trained.
        arithmetic: Precision of the matrix products.
        tokens: The longest sequence that attends to itself.
    """
    return device.type == "cpu" and arithmetic is not torch.float32 and tokens <= MAX_TOKENS


@contextmanager
def written_out(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Write attention out for the length of the block; every network gets its own way back afterwards.

    Only diffusers' fused default is replaced: a processor that does something else (image prompts, controls) stays.

    Args:
        networks: Of a base: the denoiser and text encoders, by name.
    """
    with ExitStack() as stack:
        for name, network in networks.items():
            if name.startswith("text_encoder"):
                encoder = cast(_Encoder, network)
                before = encoder.config._attn_implementation
                stack.callback(encoder.set_attn_implementation, before)
                encoder.set_attn_implementation(_EAGER)
            else:
                for layer in (each for each in network.modules() if isinstance(each, Attention)):
                    processor: object = layer.processor  # of more classes than diffusers states
                    if type(processor) is AttnProcessor2_0:
                        stack.callback(layer.set_processor, processor)  # type: ignore[arg-type]  # takes any processor
                        layer.set_processor(AttnProcessor())
        yield

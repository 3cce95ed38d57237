"""Show single blocks of the denoiser other words than the rest.

B-LoRA gives "A [c]" to the content block alone (arXiv:2403.14572, Sec. 4.3); its analysis of blocks gives each block in
turn another prompt (Sec. 4.1). A block here is one `Transformer2DModel`: the layers below `….attentions.N`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

STATES = "encoder_hidden_states"


@contextmanager
def block_prompts(denoiser: nn.Module, states: Mapping[str, Float[Tensor, "batch tokens dim"]]) -> Iterator[None]:
    """Let the blocks named in `states` attend to these encoded prompts, for the length of the block.

    Args:
        denoiser: Left as it was afterwards.
        states: Encoded prompts by block, with the batch of the forward passes to come.
    """
    with ExitStack() as stack:
        for path, shown in states.items():
            hook = denoiser.get_submodule(path).register_forward_pre_hook(partial(_replace, shown), with_kwargs=True)
            stack.callback(hook.remove)
        yield


def _replace(
    shown: Tensor, _: nn.Module, positional: tuple[object, ...], named: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    return positional, {**named, STATES: shown}

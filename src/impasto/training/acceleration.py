"""How the base computes while it learns: attention, checkpointing and compilation, each put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from impasto.models.attention import should_write_out, written_out
from impasto.models.compiling import Compiled, compiled
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_dtype
from impasto.training.configs.hardware import HardwareConfig


@contextmanager
def training_mode(options: HardwareConfig, base: LatentDiffusion, side: int) -> Iterator[Compiled]:
    """Prepare `base` for training at `side` pixels, for the length of the block; yields what may be compiled."""
    with ExitStack() as stack:
        arithmetic = choose_dtype(options.precision, base.device)
        if should_write_out(base.device, arithmetic, _longest_sequence(base, side)):
            stack.enter_context(written_out(base.networks()))
        if options.gradient_checkpointing:
            stack.enter_context(checkpointing(base))
        yield stack.enter_context(compiled(base.unet, is_wanted=options.compile))


@contextmanager
def checkpointing(base: LatentDiffusion) -> Iterator[None]:
    """Let the UNet keep only the inputs of its blocks, and compute the rest again on the way back."""
    was_on = base.unet.is_gradient_checkpointing
    base.unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        if not was_on:
            base.unet.disable_gradient_checkpointing()


def _longest_sequence(base: LatentDiffusion, side: int) -> int:
    """Return the places that attend to each other in the first block that has attention."""
    _, height, width = base.latent_shape(side, side)
    kinds = list(base.unet.config.down_block_types)
    first = next((index for index, kind in enumerate(kinds) if "Attn" in kind), 0)
    return int(height * width) // int(4**first)

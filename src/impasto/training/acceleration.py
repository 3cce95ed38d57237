"""How the base computes while it learns: attention, checkpointing and compilation, each put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from impasto.models.computing.attention import should_write_out, written_out
from impasto.models.computing.compiling import Compiled, compiled
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_dtype
from impasto.training.configs.hardware import HardwareConfig


@contextmanager
def training_mode(options: HardwareConfig, base: LatentDiffusion, side: int) -> Iterator[Compiled]:
    """Prepare `base` for training at `side` pixels, for the length of the block; yields what may be compiled."""
    with ExitStack() as stack:
        arithmetic = choose_dtype(options.precision, base.device)
        _, height, width = base.latent_shape(side, side)
        if should_write_out(base.device, arithmetic, base.longest_sequence(height, width)):
            stack.enter_context(written_out(base.networks()))
        if options.gradient_checkpointing:
            stack.enter_context(checkpointing(base))
        yield stack.enter_context(compiled(base.denoiser, base.repeated_blocks, is_wanted=options.compile))


@contextmanager
def checkpointing(base: LatentDiffusion) -> Iterator[None]:
    """Let the denoiser keep only the inputs of its blocks, and compute the rest again on the way back."""
    was_on = base.denoiser.is_gradient_checkpointing
    base.denoiser.enable_gradient_checkpointing()
    try:
        yield
    finally:
        if not was_on:
            base.denoiser.disable_gradient_checkpointing()

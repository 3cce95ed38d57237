"""What a run is expected to take, and what --max-memory makes of its options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from impasto.adapters.learnable import Learnable
from impasto.core.formatting import format_bytes
from impasto.core.precision import is_slow_in_bfloat16
from impasto.data.streams import of_step
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_dtype
from impasto.training.dataset import Gathered
from impasto.training.options import TrainOptions
from impasto.training.plan import Estimate, expected_seconds, side_of
from impasto.training.resources.memory_estimate import (
    MemoryCosts,
    Setting,
    bytes_of,
    copies_of_learnt,
    costs_of,
    differences,
    expected_bytes,
    fitting,
    may_use_8bit,
    to_half,
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A run that fits.

    Attributes:
        options: As given, or with what was chosen to fit.
        at_once: Pictures of each stream in a pass.
        bytes: Expected memory.
        words: The same, and what was chosen, for the plan.
    """

    options: TrainOptions
    at_once: int
    bytes: int
    words: str


def fit_memory(
    options: TrainOptions, method: Method, base: LatentDiffusion, learnable: Learnable, gathered: Gathered
) -> Fitted:
    """Return the options that fit into --max-memory; without it, the given ones and what they are expected to take.

    Where bfloat16 is chosen, the frozen weights of `base` are in it from here on.

    Raises:
        ResourceError: Nothing fits.
    """
    arithmetic = choose_dtype(options.precision, base.device)
    streams = _streams_in_a_step(method, gathered)
    shape = (streams, options.batch_size, options.accumulate)
    costs = costs_of(base, learnable, side_of(options, base), shape, arithmetic)
    copies = copies_of_learnt(method.kind(), base.device, averages=options.ema is not None)
    costs = replace(costs, copies=copies, reading=_reading_bytes(base, gathered))
    asked = Setting(options.batch_size, options.gradient_checkpointing, options.optimizer, base.dtype.itemsize)
    if options.max_memory is None:
        expected = expected_bytes(costs, asked)
        return Fitted(options, options.batch_size, expected, f"about {format_bytes(expected)}")
    return _fitted(options, method, base, learnable, (costs, asked))


def _reading_bytes(base: LatentDiffusion, gathered: Gathered) -> int:
    """Return what the largest picture takes of the memory that is planned: on the CPU, where pictures are read."""
    found = [picture.decoded_bytes for pictures in gathered.pictures.values() for picture in pictures]
    return max(found, default=0) if base.device.type == "cpu" else 0


def _streams_in_a_step(method: Method, gathered: Gathered) -> int:
    return len(of_step({name: words for name, words in method.prompts().items() if name in gathered.source}, 1, 0))


def estimate_of(fitted: Fitted, method: Method, base: LatentDiffusion, gathered: Gathered) -> Estimate:
    """Return what the plan says about memory and time."""
    streams = _streams_in_a_step(method, gathered)
    seconds = expected_seconds(fitted.options, base, streams, fitted.at_once)
    return Estimate(fitted.at_once, fitted.bytes, fitted.words, seconds)


def _fitted(
    options: TrainOptions,
    method: Method,
    base: LatentDiffusion,
    learnable: Learnable,
    wanted: tuple[MemoryCosts, Setting],
) -> Fitted:
    costs, asked = wanted
    may_halve = options.precision == "auto" and base.dtype is torch.float32 and method.kind() == "lora"
    limit = bytes_of(options.max_memory or "")
    chosen = fitting(costs, asked, limit, may_halve=may_halve, may_use_8bit=may_use_8bit(base.device))
    precision: Literal["auto", "bf16"] = "auto"
    if chosen.frozen_bytes != asked.frozen_bytes:
        to_half(base.networks(), learnable)
        precision = "bf16"
    changes: dict[str, object] = {
        "gradient_checkpointing": chosen.checkpointing,
        "optimizer": chosen.optimizer,
        "precision": precision if may_halve else options.precision,
    }
    expected = expected_bytes(costs, chosen)
    chosen_words = differences(asked, chosen, is_slow=is_slow_in_bfloat16(base.device))
    words = f"about {format_bytes(expected)} of {options.max_memory}: {chosen_words}"
    return Fitted(options.model_copy(update=changes), chosen.at_once, expected, words)

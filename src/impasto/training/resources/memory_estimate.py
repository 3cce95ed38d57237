"""Expected memory of a run, and settings that fit into less.

Counted: weights (the frozen ones in the precision they were loaded in), gradients, both moments, the moving average,
the copy of the base's weights that full fine-tuning keeps, and what autograd keeps for the way back. The last is
measured on two small passes of one row: it is a constant plus a part that grows with the area and the rows.
`benchmarks/memory_plan.py` compares all this with what processes really take, and says how far it is off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from impasto.adapters.learnable import Learnable
from impasto.core.errors import ResourceError
from impasto.core.formatting import format_bytes
from impasto.core.precision import SLOW_IN_BFLOAT16
from impasto.models.conditioning import Geometry
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import computing_in
from impasto.training.optimizers import MOMENT_BYTES, why_not_8bit

_MIB = 2**20
_UNITS = {"G": 10**9, "GB": 10**9, "GiB": 2**30, "M": 10**6, "MB": 10**6, "MiB": 2**20}
CONTEXT_BYTES = {"cpu": 420 * _MIB, "cuda": 500 * _MIB}
"""What a process takes before it does anything: code, and a GPU's context."""
_REORDERED = 0.65
"""On CPUs the kernels keep copies of the weights in an order of their own, of this share of them (measured)."""
_KEPT_WITH_CHECKPOINTING = 0.2
"""Share of the activations that is alive at once with gradient checkpointing: inputs of blocks and one block's own."""
_OVERLAP = 0.15
"""Gradients come while activations go: of the smaller of the two, this share is there at the peak."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What decides about memory and may be chosen.

    Attributes:
        at_once: Pictures of each stream in a pass.
        checkpointing: Whether activations are computed twice.
        optimizer: Name of the optimiser, as options have it.
        frozen_bytes: Of one frozen weight: 4, or 2 in bfloat16.
    """

    at_once: int
    checkpointing: bool
    optimizer: str
    frozen_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryCosts:
    """What a run costs, in numbers of weights and bytes.

    Attributes:
        learnt: Weights that learn, float32.
        frozen: Weights of the base that do not.
        others: Bytes beside the networks: the autoencoder where it does not rest.
        copies: Copies of the learnt weights on this device: the average, the base's originals.
        kept_once: Bytes that autograd keeps whatever the batch.
        kept_per_row: And for each row more.
        streams: Rows of a pass for each picture at once.
        batch: Pictures of each stream in a batch.
        accumulate: Batches in a step.
        device: "cpu" or "cuda".
        reading: Bytes that the largest picture takes while it is read, before step 1; 0 where that is other memory.
    """

    learnt: int
    frozen: int
    others: int
    copies: int
    kept_once: int
    kept_per_row: int
    streams: int
    batch: int
    accumulate: int
    device: str
    reading: int = 0


def expected_bytes(costs: MemoryCosts, setting: Setting) -> int:
    """Return the expected peak of the whole process (CPU) or of the device's memory."""
    weights = setting.frozen_bytes * costs.frozen + 4 * costs.learnt
    standing = weights + costs.others + (MOMENT_BYTES[setting.optimizer] + 4 * costs.copies) * costs.learnt
    share = _KEPT_WITH_CHECKPOINTING if setting.checkpointing else 1.0
    activations = costs.kept_once + int(share * costs.kept_per_row * setting.at_once * costs.streams)
    gradients = 4 * costs.learnt
    if setting.at_once < costs.batch or costs.accumulate > 1:
        passing = activations + gradients  # those of the passes before are there all the time
    else:
        passing = max(activations, gradients) + int(_OVERLAP * min(activations, gradients))
    kernels = int(_REORDERED * weights) if costs.device == "cpu" else int(0.1 * activations)
    stepping = standing + passing + kernels
    encoding = weights + costs.others + costs.reading
    return CONTEXT_BYTES["cuda" if costs.device == "cuda" else "cpu"] + max(stepping, encoding)


def candidates(costs: MemoryCosts, asked: Setting, *, may_halve: bool, may_use_8bit: bool) -> Iterator[Setting]:
    """Yield settings to try, from what was asked for to what is slowest or changes most.

    Fewer pictures at once cost little; checkpointing a third of the speed; 8-bit moments and bfloat16 change numbers.
    bfloat16 is last: on some processors it is many times slower than all the rest together.

    Args:
        costs: What the run costs as it was asked for, in bytes.
        asked: What the options say.
        may_halve: Whether frozen weights may go to bfloat16.
        may_use_8bit: Whether 8-bit moments are possible here.
    """
    numeric = [asked]
    if may_use_8bit and asked.optimizer == "adamw":
        numeric.append(replace(asked, optimizer="adamw-8bit"))
    if may_halve and asked.frozen_bytes > 2 and costs.frozen:
        numeric += [replace(each, frozen_bytes=2) for each in list(numeric)]
    for base in numeric:
        for checkpointing in dict.fromkeys((asked.checkpointing, True)):
            at_once = asked.at_once
            while True:
                yield replace(base, checkpointing=checkpointing, at_once=at_once)
                if at_once == 1:
                    break
                at_once //= 2


def fitting(costs: MemoryCosts, asked: Setting, limit: int, *, may_halve: bool, may_use_8bit: bool) -> Setting:
    """Return the first setting that fits into `limit` bytes.

    Raises:
        ResourceError: None does.
    """
    least = 0
    for setting in candidates(costs, asked, may_halve=may_halve, may_use_8bit=may_use_8bit):
        needed = expected_bytes(costs, setting)
        if needed <= limit:
            return setting
        least = min(least or needed, needed)
    raise ResourceError(
        f"--max-memory {format_bytes(limit)} does not suffice: this run needs about {format_bytes(least)} at the "
        "least; give more, a smaller --resolution, or a method that learns less"
    )


def differences(asked: Setting, chosen: Setting, *, is_slow: bool) -> str:
    """Return in words what was chosen otherwise than asked for; `is_slow` says that bfloat16 is, here."""
    words = []
    if chosen.at_once != asked.at_once:
        words.append(f"{chosen.at_once} of {asked.at_once} pictures of each stream at once")
    if chosen.checkpointing != asked.checkpointing:
        words.append("gradient checkpointing")
    if chosen.optimizer != asked.optimizer:
        words.append(chosen.optimizer)
    if chosen.frozen_bytes != asked.frozen_bytes:
        words.append(f"bf16 ({SLOW_IN_BFLOAT16})" if is_slow else "bf16")
    return ", ".join(words) or "nothing has to change"


def bytes_of(text: str) -> int:
    """Return the bytes that "12GB", "900 MiB" or "12G" mean."""
    number, unit = re.fullmatch(r"([\d.]+)\s*([A-Za-z]+)", text).groups()  # type: ignore[union-attr]  # options check
    return int(float(number) * _UNITS[unit])


def costs_of(
    base: LatentDiffusion, learnable: Learnable, side: int, shape: tuple[int, int, int], arithmetic: torch.dtype
) -> MemoryCosts:
    """Measure what a run costs.

    Args:
        base: With `learnable` attached.
        learnable: What learns.
        side: Side of the pictures, in pixels.
        shape: Streams, pictures of each in a batch, and batches in a step.
        arithmetic: Precision of the passes.
    """
    learns_text = learnable.learns_text()
    ids = {id(parameter) for parameter in learnable.parameters()}
    learnt = sum(parameter.numel() for parameter in learnable.parameters())
    texts = list(base.text_encoders().values())
    working, offloaded = [base.denoiser, *(texts if learns_text else [])], [] if learns_text else texts
    stays = base.device.type == "cpu"  # elsewhere, frozen encoders leave the device while steps are taken
    present = [*working, *(offloaded if stays else [])]
    frozen = sum(each.numel() for network in present for each in network.parameters() if id(each) not in ids)
    others = sum(each.numel() * each.element_size() for each in base.vae.parameters()) if stays else 0
    once, per_row = _kept(base, side, arithmetic, learns_text=learns_text)
    return MemoryCosts(learnt, frozen, others, 0, once, per_row, *shape, base.device.type)


def _kept(base: LatentDiffusion, side: int, arithmetic: torch.dtype, *, learns_text: bool) -> tuple[int, int]:
    """Return what autograd keeps whatever the batch, and for each row of `side` pixels more."""
    channels, height, width = base.latent_shape(side, side)
    least = base.latent_multiple
    small = max(least, min(height, width) // 8 // least * least)
    areas = (small * small, 4 * small * small)
    kept = [_kept_by_pass(base, (channels, edge, edge), arithmetic, False) for edge in (small, 2 * small)]
    slope = (kept[1] - kept[0]) / (areas[1] - areas[0])
    once = max(kept[0] - slope * areas[0], 0.0)
    words = _kept_by_pass(base, (channels, small, small), arithmetic, True) - kept[0] if learns_text else 0
    return int(once), int(slope * height * width + max(words, 0))


def _kept_by_pass(base: LatentDiffusion, shape: tuple[int, int, int], arithmetic: torch.dtype, words: bool) -> int:
    """Return the bytes that autograd keeps of a pass of one row, storages of weights left out."""
    weights = {each.untyped_storage().data_ptr() for net in base.networks().values() for each in net.parameters()}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # a freed storage's address would be given out again

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    x_t = torch.zeros((1, *shape), device=base.device)
    geometry = [Geometry.whole(shape[1] * base.factor, shape[2] * base.factor)]
    in_precision = computing_in(arithmetic, base.device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), in_precision:
        with torch.set_grad_enabled(words):
            conditioning = base.encode_prompts(["style"])
        base.predict(x_t, torch.full((1,), 500, device=base.device), conditioning, geometry)
    return sum(kept.values())


def copies_of_learnt(kind: str, device: torch.device, *, averages: bool) -> int:
    """Return how many copies of the learnt weights a run keeps on its device."""
    keeps_originals = kind == "full" and device.type == "cpu"
    return int(averages) + int(keeps_originals)


def may_use_8bit(device: torch.device) -> bool:
    """Return whether 8-bit moments are possible."""
    return not why_not_8bit(device)


def to_half(networks: dict[str, nn.Module], learnable: Learnable) -> None:
    """Put the frozen weights of `networks` into bfloat16; what learns stays float32."""
    learnt = {id(parameter) for parameter in learnable.parameters()}
    for network in networks.values():
        for parameter in network.parameters():
            if id(parameter) not in learnt:
                parameter.data = parameter.data.to(torch.bfloat16)

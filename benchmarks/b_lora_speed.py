"""What does training two blocks cost, against training all of them?

A random UNet of SDXL's topology and middle size. Ways to train are timed in one process, step by step in turn (so that
a slow moment of the machine hits all of them), medians of paired ratios: B-LoRA (low-rank adapters on two blocks;
autograd records nothing before the first of them), low-rank adapters on all attention layers, B-LoRA with an input that
asks for gradients, and the same with gradient checkpointing, as the official script does it. Activation memory is what
autograd keeps for the backward pass, counted once per storage, weights not counted; with checkpointing much of it is
computed again during the backward pass, which the peak of all tensors in a step shows.

Run: `python -m benchmarks.b_lora_speed`
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from benchmarks.live_memory import LiveMemory
from benchmarks.machine import save_result
from impasto.adapters.learnable import learning
from impasto.adapters.low_rank import LowRank
from impasto.core.rng import generator
from impasto.models.families.sdxl import SDXL, SDXL_ROLES

RANK = 64
BLOCKS = (*SDXL_ROLES["content"], *SDXL_ROLES["style"])


def middle_sized_unet() -> UNet2DConditionModel:
    """Return a random UNet with SDXL's blocks and layers per block, narrower and shallower than SDXL's."""
    unet: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(96, 192, 384),
        layers_per_block=2,
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[3, 6, 12],
        cross_attention_dim=512,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=64,
        projection_class_embeddings_input_dim=512 + 6 * 64,
    )
    unet.requires_grad_(False)
    rng = generator(0)
    for parameter in unet.parameters():
        parameter.normal_(std=0.02, generator=rng)
    return unet


@dataclass(frozen=True)
class Way:
    """One way to train: which blocks learn, whether the graph begins at them, and whether activations are kept."""

    blocks: Sequence[str] | None
    is_cut: bool = True
    is_checkpointed: bool = False


REFERENCE = "all attention layers"
WAYS = {
    "B-LoRA": Way(BLOCKS),
    REFERENCE: Way(None),
    "B-LoRA, checkpointed": Way(BLOCKS, is_checkpointed=True),
    "B-LoRA, graph not cut": Way(BLOCKS, is_cut=False),
    "B-LoRA, graph not cut, checkpointed": Way(BLOCKS, is_cut=False, is_checkpointed=True),
}


class Step:
    """One way to train, ready to do a step."""

    def __init__(self, unet: UNet2DConditionModel, side: int, way: Way) -> None:
        rng = generator(0)
        self._unet = unet
        (unet.enable_gradient_checkpointing if way.is_checkpointed else unet.disable_gradient_checkpointing)()
        self._x_t = torch.randn((1, 4, side, side), generator=rng).requires_grad_(not way.is_cut)
        self._target = torch.randn((1, 4, side, side), generator=rng)
        self._states = torch.randn((1, 77, 512), generator=rng)
        self._added = {"text_embeds": torch.randn((1, 512), generator=rng), "time_ids": torch.full((1, 6), 256.0)}

    def loss(self) -> Tensor:
        """Return the loss with its graph."""
        predicted = self._unet(self._x_t, torch.tensor([500]), self._states, added_cond_kwargs=self._added).sample
        error: Tensor = ((predicted - self._target) ** 2).mean()
        return error

    def run(self) -> None:
        """Do a step; gradients are dropped, the optimiser's share is not what differs."""
        torch.autograd.backward(self.loss())
        self._unet.zero_grad()


def kept_bytes(loss: Callable[[], Tensor], weights: set[int]) -> int:
    """Return the bytes that autograd keeps for the backward pass, storages of `weights` left out."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = loss()
    del held
    return sum(kept.values())


def measure(side: int, rounds: int) -> list[dict[str, object]]:
    """Return seconds a step, activation memory and both relative to adapters on all layers."""
    unet = middle_sized_unet()
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    memory: dict[str, int] = {}
    peaks: dict[str, int] = {}
    learnt: dict[str, int] = {}
    for turn in range(rounds + 1):
        for name, way in WAYS.items():
            with learning(
                LowRank({"unet": unet}, {"unet": SDXL.lora_targets["unet"]}, RANK, generator(0), way.blocks)
            ) as adapters:
                step = Step(unet, side, way)
                learnt[name] = sum(parameter.numel() for parameter in adapters.parameters())
                if turn == 0:  # warms up, and is counted instead of timed
                    weights = {parameter.untyped_storage().data_ptr() for parameter in unet.parameters()}
                    memory[name] = kept_bytes(step.loss, weights)
                    with LiveMemory() as live:
                        step.run()
                    peaks[name] = live.peak
                    continue
                started = time.perf_counter()
                step.run()
                seconds[name].append(time.perf_counter() - started)
    return [
        {
            "way": name,
            "parameters_millions": round(learnt[name] / 1e6, 2),
            "seconds_a_step": round(statistics.median(seconds[name]), 3),
            "time_against_all": round(
                statistics.median(a / b for a, b in zip(seconds[name], seconds[REFERENCE], strict=True)), 3
            ),
            "activations_mib": round(memory[name] / 2**20, 1),
            "activations_against_all": round(memory[name] / memory[REFERENCE], 3),
            "peak_mib": round(peaks[name] / 2**20, 1),
            "peak_against_all": round(peaks[name] / peaks[REFERENCE], 3),
        }
        for name in WAYS
    ]


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=64, help="latents, e.g. 64 for pictures of 512 px")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    rows = measure(chosen.side, chosen.rounds)
    for row in rows:
        print(row)
    if not chosen.dry:
        size = sum(parameter.numel() for parameter in middle_sized_unet().parameters()) / 1e6
        facts = {"unet_parameters_millions": round(size, 1), "latents": chosen.side, "rank": RANK}
        print(save_result("b-lora-speed", {"question": (__doc__ or "").splitlines()[0], **facts, "rows": rows}))


if __name__ == "__main__":
    main()

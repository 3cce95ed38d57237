"""What share of the machine's matrix speed is used: operations counted, divided by time and by the measured peak.

Counted are the networks' matrix products, convolutions and attention, backward passes included and optimizers left out,
by torch's own counter; timed is everything. A product of two large matrices says what the machine can do at most in a
precision; no data sheet is asked. Measure on an idle machine: time is wall time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from impasto.core.events import TrainStep
from impasto.demo.demo import recipe_options
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.training.options import TrainOptions
from impasto.training.train import train
from pretraining.denoiser import make_optimizer
from pretraining.measures import SIDE, draw_prompts
from pretraining.peak import computing_dtype, matrix_peak
from pretraining.precision import half_where_quick
from pretraining.slices import attention_for

PACK = "openmoji"
"""The pack of the demonstration."""
PROMPT = "a fox on a green background, twemoji style"
REFERENCE_GFLOPS, REFERENCE_SECONDS = 440.0, 3.0
"""Speed of float32 convolutions at which four pictures may take so many seconds; in proportion on other machines."""

Shape = Sequence[int]


def _attention(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    return int(sdpa_flop_count(query, key, value))


def _attention_backward(grad: Shape, query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    return int(sdpa_backward_flop_count(grad, query, key, value))


def counter() -> FlopCounterMode:
    """Return a counter that knows the fused attention of CPUs too, which torch's leaves out."""
    aten = torch.ops.aten
    return FlopCounterMode(
        display=False,
        custom_mapping={
            aten._scaled_dot_product_flash_attention_for_cpu: _attention,
            aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
        },
    )


def counted(work: Callable[[], object]) -> int:
    """Return the floating point operations of `work`; a multiplication and an addition are two."""
    with counter() as flops:
        work()
    return int(flops.get_total_flops())


def quickest(work: Callable[[], object], times: int) -> float:
    """Return the least seconds that `work` took, after a run that is not timed."""
    work()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def convolution_speed(times: int = 8) -> float:
    """Return the operations a second of a float32 convolution like those of pocket's decoder, at its quickest."""
    rng = torch.Generator().manual_seed(0)
    x, kernel = torch.randn((4, 64, 64, 64), generator=rng), torch.randn((64, 64, 3, 3), generator=rng)

    def work() -> torch.Tensor:
        with torch.no_grad():
            return F.conv2d(x, kernel, padding=1)

    return counted(work) / quickest(work, times)


def drawing_share(base: LatentDiffusion, seconds_for_four: float, peak: float) -> float:
    """Return the share of `peak` that drawing four pictures reaches."""
    return counted(lambda: draw_prompts(base, [PROMPT] * 4)) / seconds_for_four / peak


def _demo_options(base: str, folder: Path, steps: int) -> TrainOptions:
    changes: dict[str, object] = {"base": base, "steps": steps, "sample_every": 0, "run_dir": folder / "run"}
    return recipe_options(PACK, folder / "style.safetensors", **changes)[0]


def _train(base: str, steps: int) -> list[float]:
    """Train as the demonstration does; returns the seconds of each step."""
    with tempfile.TemporaryDirectory() as folder:
        changes: dict[str, object] = {"base": base, "steps": steps, "sample_every": 0}
        out = Path(folder) / "style.safetensors"
        with closing(train(*recipe_options(PACK, out, run_dir=Path(folder) / "run", **changes))) as events:
            return [event.seconds for event in events if isinstance(event, TrainStep)]


def demo_speed(base: str, few: int = 2, many: int = 6, timed: int = 40) -> tuple[float, float, torch.dtype]:
    """Return operations and median seconds of a step of the demonstration's training, and the precision it computes in.

    The timed run is the first, so that what a process does once is done; what a run does before its first step cancels
    out of the difference between runs of `few` and of `many` steps.
    """
    seconds = statistics.median(_train(base, timed))
    flops = (counted(lambda: _train(base, many)) - counted(lambda: _train(base, few))) / (many - few)
    precision = _demo_options(base, Path("unused"), many).precision
    return flops, seconds, torch.bfloat16 if precision == "bf16" else torch.float32


def pretraining_step(base: LatentDiffusion, batch: int = 32) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return both halves of a training step of a copy of the UNet: forward and backward, and the optimizer's update."""
    model = deepcopy(base.denoiser).float().train().requires_grad_()
    model.set_attn_processor(attention_for(base.device)())
    optimizer = make_optimizer(model, "muon", 1e-6)
    rng = torch.Generator().manual_seed(0)
    words = base.encode_prompts([PROMPT])
    assert words.pooled is not None
    latents, target = (torch.randn((batch, *base.latent_shape(SIDE, SIDE)), generator=rng) for _ in range(2))
    states = words.states.detach().float().repeat(batch, 1, 1)
    added = {
        "text_embeds": words.pooled.detach().float().repeat(batch, 1),
        "time_ids": torch.full((batch, 6), float(SIDE)),
    }

    def learn() -> None:
        with half_where_quick(base.device):
            made = model(latents, torch.full((batch,), 500), states, added_cond_kwargs=added).sample
        torch.autograd.backward(F.mse_loss(made.float(), target))

    def update() -> None:
        optimizer.step()
        optimizer.zero_grad()

    return learn, update


def speed_numbers(base: LatentDiffusion, name: str, seconds_for_four: float) -> dict[str, object]:
    """Return the machine's speeds, and the shares of its peak.

    Args:
        base: Opened.
        name: What it was opened by.
        seconds_for_four: Measured seconds of four pictures.
    """
    native = computing_dtype(base.device)
    peaks = {dtype: matrix_peak(base.device, dtype) for dtype in {torch.float32, native}}
    convolutions = convolution_speed() / 1e9
    flops, seconds, dtype = demo_speed(name)
    learn, update = pretraining_step(base)
    pretraining = counted(learn) / quickest(lambda: (learn(), update()), 3) / peaks[native]
    return {
        "matrix_peak_gflops": {_named(each): round(peak / 1e9) for each, peak in sorted(peaks.items(), key=str)},
        "float32_convolutions_gflops": round(convolutions),
        "seconds_for_four_bar": round(REFERENCE_SECONDS * REFERENCE_GFLOPS / convolutions, 2),
        "share_of_peak": {
            "demo_training": {"share": round(flops / seconds / peaks[dtype], 3), "of": _named(dtype)},
            "drawing": {
                "share": round(drawing_share(base, seconds_for_four, peaks[base.dtype]), 3),
                "of": _named(base.dtype),
            },
            "pretraining": {"share": round(pretraining, 3), "of": _named(native)},
        },
        "demo_step": {"gflop": round(flops / 1e9, 1), "seconds": round(seconds, 3)},
    }


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

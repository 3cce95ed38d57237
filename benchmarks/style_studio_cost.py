"""What does StyleStudio cost, against a plain image prompt?

On pocket, and on a random UNet of SDXL's topology and middle size with pocket's other parts; a random adapter at every
cross-attention. All ways are drawn in turn in one process with one thread, whose processor time is counted (others may
use the machine at the same time); medians of paired ratios. Peak memory is that of all tensors at once, the base's
weights included; Python and libraries are not, they would hide the difference on a base as small as pocket.

Run: `python -m benchmarks.style_studio_cost`
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import nn

from benchmarks.live_memory import LiveMemory
from benchmarks.machine import save_result
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.rng import generator
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.attention_layers import attention_layers_of
from impasto.models.control import Control
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.recipes import guidance_for

TOKENS, WIDTH = 16, 256
PLAIN, PLAIN_EIGHT = "image prompt", "image prompt, 8 styles"


@dataclass(frozen=True)
class Way:
    """One way to draw."""

    styles: int
    settings: StyleStudioSettings | None

    def control(self) -> Control | None:
        """Return its control."""
        return None if self.settings is None else StyleStudio(self.settings)


WAYS: Mapping[str, Way] = {
    PLAIN: Way(1, None),
    "AdaIN, no teacher": Way(1, StyleStudioSettings(teacher=0)),
    "AdaIN and teacher": Way(1, StyleStudioSettings(teacher=0.4)),
    "the same, teacher to the last step": Way(1, StyleStudioSettings(teacher=1)),
    PLAIN_EIGHT: Way(8, None),
    "AdaIN and one teacher, 8 styles": Way(8, StyleStudioSettings(teacher=0.4)),
}


def middle_sized(base: LatentDiffusion) -> LatentDiffusion:
    """Put a random UNet with SDXL's blocks and layers, narrower than SDXL's, into pocket."""
    unet = UNet2DConditionModel(
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(96, 192, 384),
        layers_per_block=2,
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[3, 6, 12],
        cross_attention_dim=base.denoiser.config.cross_attention_dim,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=base.denoiser.config.addition_time_embed_dim,
        projection_class_embeddings_input_dim=base.denoiser.config.projection_class_embeddings_input_dim,
    )
    rng = generator(0)
    for parameter in unet.requires_grad_(False).parameters():
        parameter.normal_(std=0.02, generator=rng)
    base.pipe.unet = unet.eval()
    base.resolution = 256
    return base


def adapter(base: LatentDiffusion) -> dict[str, tuple[nn.Linear, nn.Linear]]:
    """Return random keys and values at every cross-attention."""
    rng = generator(1)
    made = {}
    for name, layer in attention_layers_of(base.denoiser, {}).items():
        if layer.kind == "cross":
            words = cast(Attention, base.denoiser.get_submodule(name))
            pair = [nn.Linear(WIDTH, words.to_k.out_features, bias=False) for _ in range(2)]
            for linear in pair:
                linear.weight.requires_grad_(False).normal_(std=WIDTH**-0.5, generator=rng)
            made[name] = (pair[0], pair[1])
    return made


class Bench:
    """A base with an adapter, ready to draw."""

    def __init__(self, size: str) -> None:
        self.base = open_base("pocket", device="cpu")
        if size == "middle":
            middle_sized(self.base)
        self._adapter = adapter(self.base)

    def run(self, way: Way, steps: int) -> float:
        """Draw once and return the seconds of processor time."""
        side = self.base.resolution
        images = [torch.randn((1, TOKENS, WIDTH), generator=generator(style)) for style in range(way.styles + 1)]
        null = (ImageTokens(torch.zeros_like(images[0]), self._adapter),)
        requests = [
            ImageRequest("a fox on a hill", 0, images=(ImageTokens(tokens, self._adapter),), negative_images=null)
            for tokens in images[1:]
        ]
        params = SamplingParams(steps, guidance_for("pocket"), side, side, batch=way.styles)
        started = time.process_time()
        list(draw(self.base, requests, params, way.control()))
        return time.process_time() - started

    def peak_mib(self, way: Way) -> float:
        """Return the peak memory of a drawing of five steps, two of them with the teacher, and of the weights."""
        modules = [*self.base.networks().values(), self.base.pipe.vae]
        weights = sum(int(each.nbytes) for module in modules for each in module.parameters())
        with LiveMemory() as live:
            self.run(way, 5)
        return float(weights + live.peak) / 2**20


def measure(size: str, steps: int, rounds: int, names: list[str]) -> list[dict[str, object]]:
    """Return a row for each way."""
    bench = Bench(size)
    bench.run(WAYS[PLAIN], 2)  # warms up
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names:
            seconds[name].append(bench.run(WAYS[name], steps))
            print(f"round {turn + 1} of {rounds}: {name}, {seconds[name][-1]:.1f} s", flush=True)
    peaks = {name: bench.peak_mib(WAYS[name]) for name in names}
    rows: list[dict[str, object]] = []
    for name in names:
        plain = PLAIN if WAYS[name].styles == 1 else PLAIN_EIGHT
        ratios = [own / other for own, other in zip(seconds[name], seconds[plain], strict=True)]
        rows.append(
            {
                "way": name,
                "seconds_a_picture": round(statistics.median(seconds[name]) / WAYS[name].styles, 3),
                "time_against_image_prompt": round(statistics.median(ratios), 3),
                "time_lowest_and_highest": [round(min(ratios), 3), round(max(ratios), 3)],
                "peak_mib": round(peaks[name]),
                "peak_against_image_prompt": round(peaks[name] / peaks[plain], 3),
            }
        )
    return rows


def main() -> None:
    """Measure and write JSON."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["pocket", "middle"], default="pocket")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    steps = chosen.steps
    names = list(WAYS) if chosen.size == "pocket" else [name for name, way in WAYS.items() if way.styles == 1]
    rows = measure(chosen.size, steps, chosen.rounds, names)
    for row in rows:
        print(row)
    if not chosen.dry:
        facts = {"base": chosen.size, "steps": steps, "teacher": 0.4, "threads": torch.get_num_threads()}
        question = (__doc__ or "").splitlines()[0]
        name = "style-studio-cost" + ("" if chosen.size == "pocket" else "-middle")
        print(save_result(name, {"question": question, **facts, "rounds": chosen.rounds, "rows": rows}))


if __name__ == "__main__":
    main()

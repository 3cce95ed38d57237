"""Stage 3: the denoiser, a UNet in SDXL's topology, conditioned by the frozen text towers.

v-prediction on SDXL's noise levels rescaled to zero terminal signal (arXiv 2305.08891), so that plain backgrounds come
out in the colour that the words ask for. Weight of each noise level: min(SNR + 1, cap) / (SNR + 1), the truncated form
of min-SNR (arXiv 2303.09556) for v. Levels are t = 1000 u^p: much noise at first, which teaches subjects, and less as p
moves from `--levels-first` to `--levels-last`. Muon (`muon.py`), exponential moving average, 10 % empty captions. In a
quarter of the steps one block alone is told what is drawn, and another how, see `block_captions.py`.

At every save it draws a sheet and measures the loss with right and wrong captions (`caption_check.py`).

Run: `python -m pretraining.denoiser --minutes 90 --compile`; run it again to go on where it stopped.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from safetensors import safe_open
from torch import Tensor
from transformers import CLIPTokenizer

from pretraining.autoencoder import CHANNELS
from pretraining.batches import Batches, Shown, caption_ids
from pretraining.block_captions import SHUFFLED
from pretraining.caption_check import CaptionCheck, as_line
from pretraining.checkpoint import STAGES, load_stage
from pretraining.conditioning import encode_captions, encode_slices, size_conditions
from pretraining.latents import load_latents
from pretraining.muon import Muon
from pretraining.options import stage_options
from pretraining.package import NOISE_LEVELS, assemble
from pretraining.peak import BACKWARD, computing_dtype, forward_operations, matrix_peak
from pretraining.pictures import read_rows, save_sheet
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.slices import SLICES, attention_for, read_slices
from pretraining.stage import Stage
from pretraining.tokenizer import LENGTH
from pretraining.towers import SHARED, WIDTH, Towers, load_tokenizer

STAGE = "denoiser"
WEIGHT_CAP = 5.0
LAYERS = 2
_LAYER = re.compile(r"transformer_blocks\.(\d+)\.")
WATCHED = (
    "a fox on a green background, twemoji style",
    "a red apple on a blue background, noto style",
    "a castle on a pink background, glossy fluent style",
    "a pizza on a white background, flat fluent style",
    "a robot on a yellow background, emojione style",
    "an owl on a purple background, noto style",
    "a princess on a teal background, twemoji style",
    "a crying face on a red background, flat fluent style",
    "a house with garden on a sky blue background, twemoji style",
    "a guitar on an orange background, monotone style",
    "a panda, classic noto style",
    "a cityscape at dusk",
)


def layers_of(names: Iterable[str]) -> int:
    """Return how many layers of attention each block of a denoiser with weights of these names has."""
    return 1 + max(int(found[1]) for found in map(_LAYER.search, names) if found)


def saved_layers() -> int:
    """Return how many layers of attention each block of the saved denoiser has; 2 if there is none."""
    saved = STAGES / STAGE / "ema.safetensors"
    if not saved.exists():
        return LAYERS
    with safe_open(saved, framework="pt") as opened:
        return layers_of(opened.keys())


def make_denoiser(layers: int | None = None) -> UNet2DConditionModel:
    """Return the untrained UNet: two levels, attention on the lower one, text and size conditioning as in SDXL.

    Args:
        layers: Of attention in each block that has any; those of the saved denoiser by default, see `deepen.py`.
    """
    made: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(128, 192),
        layers_per_block=1,
        transformer_layers_per_block=[1, layers or saved_layers()],
        attention_head_dim=[4, 6],  # diffusers' name for the number of heads: 32 channels each
        cross_attention_dim=2 * WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=SHARED + 6 * 32,
        resnet_time_scale_shift="scale_shift",
    )
    return made


def noise_levels() -> DDPMScheduler:
    """Return SDXL's schedule, rescaled to zero terminal signal-to-noise ratio, predicting v."""
    levels: DDPMScheduler = DDPMScheduler(**NOISE_LEVELS, clip_sample=False)
    return levels


def weighted_loss(predicted: Tensor, v: Tensor, alpha_bar: Tensor, cap: float = WEIGHT_CAP) -> Tensor:
    """Return the mean squared error of v, weighted by noise level: more than `cap` times no level counts."""
    snr = alpha_bar / (1 - alpha_bar)
    weight = (snr + 1).clamp(max=cap) / (snr + 1)
    return (weight * ((predicted - v) ** 2).mean(dim=(1, 2, 3))).mean()


@torch.no_grad()
def average(shadow: torch.nn.Module, model: torch.nn.Module, step: int, decay: float) -> None:
    """Move the averaged weights towards the trained ones; slower as training goes on, at last by 1 - `decay`."""
    kept, new = list[Tensor](shadow.parameters()), list[Tensor](model.parameters())
    torch._foreach_lerp_(kept, new, 1 - min(decay, (1 + step) / (30 + step)))


def draw_sheet(pipe: StableDiffusionXLPipeline, path: Path) -> None:
    """Draw the watched prompts, one row of twelve."""
    pipe.set_progress_bar_config(disable=True)
    rngs = [torch.Generator().manual_seed(7) for _ in WATCHED]
    drawn = pipe(
        list(WATCHED),
        height=128,
        width=128,
        num_inference_steps=20,
        guidance_scale=4.0,
        generator=rngs,
        output_type="pt",
    ).images
    save_sheet([drawn * 2 - 1], path)


def read_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = stage_options(__doc__ or "", minutes=90, batch=32, rate=1.5e-3)
    parser.add_argument("--levels-first", type=float, default=0.4, help="p of t = 1000 u^p at the beginning")
    parser.add_argument("--levels-last", type=float, default=0.8, help="p at the end; more than 1 is little noise")
    parser.add_argument("--weight-cap", type=float, default=WEIGHT_CAP, help="weight is min(SNR + 1, cap) / (SNR + 1)")
    parser.add_argument("--plain", type=float, default=0.6, help="share of drawings in an artist's own style")
    parser.add_argument("--shuffle", type=float, default=SHUFFLED, help="share of steps with shuffled captions")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--average", type=float, default=0.9985, help="decay of the averaged weights")
    return parser.parse_args()


def make_optimizer(model: torch.nn.Module, kind: str, rate: float, weight_decay: float = 0.01) -> torch.optim.Optimizer:
    """Return the optimiser "muon" or "adamw" of a network."""
    if kind == "muon":
        return Muon(model.named_parameters(), rate, weight_decay=weight_decay, steps=4)
    return torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=weight_decay, fused=True)


class Lesson:
    """The networks of a run, and what a step computes.

    Args:
        tokenizer: Of the towers.
        device: Where everything is.
    """

    def __init__(self, tokenizer: CLIPTokenizer, device: torch.device) -> None:
        self.device, self.tokenizer, self.schedule = device, tokenizer, noise_levels()
        self.towers = Towers(tokenizer).eval().requires_grad_(False)
        load_stage("towers", {"towers": self.towers}, None)
        self.towers.to(device)
        self.model, self.shadow = make_denoiser(), make_denoiser().requires_grad_(False)
        self.model.to(device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
        self.shadow.to(device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
        self.shadow.load_state_dict(self.model.state_dict())
        self.shadow.set_attn_processor(attention_for(device)())
        read_slices(self.model, device)
        self._alpha_bar = self.schedule.alphas_cumprod.to(device)

    def loss(self, predict: Callable[..., UNet2DConditionOutput], shown: Shown, cap: float) -> Tensor:
        """Return the weighted loss of what `predict`, the model or its compiled form, makes of a batch."""
        count = len(shown.x_0)
        x_t = self.schedule.add_noise(shown.x_0, shown.noise, shown.timesteps)  # type: ignore[arg-type]  # any whole numbers do
        with half_where_quick(self.device):
            states, pooled = encode_slices(self.towers, shown.ids)
            added = {"text_embeds": pooled, "time_ids": size_conditions(count, self.device)}
            predicted = predict(x_t, shown.timesteps, states, added_cond_kwargs=added).sample
        v = self.schedule.get_velocity(shown.x_0, shown.noise, shown.timesteps)  # type: ignore[arg-type]  # any whole numbers do
        return weighted_loss(predicted.float(), v, self._alpha_bar[shown.timesteps], cap)

    def operations(self) -> int:
        """Return the operations that one picture costs in a step: UNet there and back, text towers there."""
        x_t, level = torch.zeros((1, CHANNELS, 16, 16), device=self.device), torch.zeros(1, device=self.device)
        ids = torch.zeros((1, LENGTH), dtype=torch.int64, device=self.device)
        states, pooled = encode_captions(self.towers, ids)
        added = {"text_embeds": pooled, "time_ids": size_conditions(1, self.device)}
        read = torch.cat([states] * SLICES, dim=1)
        unet = forward_operations(lambda: self.model(x_t, level, read, added_cond_kwargs=added))
        return BACKWARD * unet + forward_operations(lambda: encode_captions(self.towers, ids))

    def draw_sheet(self, vae: AutoencoderKL, step: int) -> None:
        """Draw the watched prompts with the averaged weights."""
        draw_sheet(assemble(vae, self.towers, self.tokenizer, self.shadow), STAGES / f"{STAGE}-{step:06d}.png")


def main() -> None:
    """Train for a number of minutes; save, check, log and draw every few."""
    chosen = read_arguments()
    device = chosen.device
    vae, latents = load_latents()
    tokenizer, rows = load_tokenizer(), read_rows()
    vae, latents = vae.to(device), latents.to(device)
    lesson = Lesson(tokenizer, device)
    optimizer = make_optimizer(lesson.model, chosen.optimizer, chosen.rate)
    choices, noises = torch.Generator().manual_seed(0), torch.Generator(device).manual_seed(1)
    stage = Stage(
        STAGE,
        {"unet": lesson.model, "ema": lesson.shadow},
        optimizer,
        Schedule.chosen(chosen),
        {"choices": choices, "noises": noises},
    )
    batches = Batches(latents, rows, caption_ids(tokenizer, rows), tokenizer, choices, noises)
    check = CaptionCheck(latents, rows, tokenizer, lesson.schedule)
    operations, peak = lesson.operations(), matrix_peak(device, computing_dtype(device))
    predict = torch.compile(lesson.model, dynamic=False) if chosen.compile else lesson.model

    def report() -> None:
        found, speed = check.losses(lesson.shadow, lesson.towers), stage.pictures_per_second
        share = operations * speed / peak
        print(f"{as_line(found)}  {speed:.1f} pictures/s, {share:.2f} of the peak", flush=True)
        stage.record({"caption_check": found, "share_of_peak": round(share, 3), "peak_gflops": round(peak / 1e9)})
        lesson.draw_sheet(vae, stage.step)

    for progress in stage.steps():
        power = chosen.levels_first + progress * (chosen.levels_last - chosen.levels_first)
        shown = batches.draw(chosen.batch, power=power, plain=chosen.plain, shuffle=chosen.shuffle)
        stage.learn(lesson.loss(predict, shown, chosen.weight_cap), chosen.batch)
        average(lesson.shadow, lesson.model, stage.step, chosen.average)
        if stage.save_if_due(chosen.save_every):
            report()
    report()


if __name__ == "__main__":
    main()

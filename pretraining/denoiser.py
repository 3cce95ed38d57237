"""Stage 3: the denoiser, a UNet in SDXL's topology, conditioned by the frozen text towers.

v-prediction on SDXL's noise levels rescaled to zero terminal signal (arXiv 2305.08891), so that plain grounds come out
in the colour that the words ask for. Weight of each noise level: min(SNR + 1, 5) / (SNR + 1), the truncated form of
min-SNR (arXiv 2303.09556) for v. AdamW, exponential moving average, 10 % empty captions.

Run: `python -m pretraining.denoiser --minutes 100`; run it again to go on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from torch import Tensor

from pretraining.checkpoint import STAGES, load_stage
from pretraining.latents import load_latents
from pretraining.package import NOISE_LEVELS, assemble
from pretraining.pictures import read_rows, save_sheet
from pretraining.stage import Stage
from pretraining.towers import SHARED, WIDTH, Towers, load_tokenizer, tokenize

STAGE = "denoiser"
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


def make_denoiser() -> UNet2DConditionModel:
    """Return the untrained UNet: three levels, attention on the lower two, text and size conditioning as in SDXL."""
    return UNet2DConditionModel(
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        transformer_layers_per_block=[1, 1, 2],
        attention_head_dim=[2, 4, 6],
        cross_attention_dim=2 * WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=SHARED + 6 * 32,
    )


def noise_levels() -> DDPMScheduler:
    """Return SDXL's schedule, rescaled to zero terminal signal-to-noise ratio, predicting v."""
    return DDPMScheduler(**NOISE_LEVELS, clip_sample=False)


@torch.no_grad()
def encode_captions(towers: Towers, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return what SDXL shows the UNet: penultimate states of both towers side by side, and the pooled embedding."""
    first = towers.text_encoder(ids, output_hidden_states=True)
    second = towers.text_encoder_2(ids, output_hidden_states=True)
    return torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1), second.text_embeds


def draw_timesteps(count: int, rng: torch.Generator) -> Tensor:
    """Return training timesteps, half of them from the noisiest quarter: t = 1000 (1 - u²).

    Where little signal is left, the words alone have to say what is where. Meant to teach that sooner than uniform
    timesteps do; not compared with them in a run of its own.
    """
    return (1000 * (1 - torch.rand(count, generator=rng) ** 2)).long().clamp(0, 999)


def weighted_loss(predicted: Tensor, v: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return the mean squared error of v, weighted by noise level."""
    snr = alpha_bar / (1 - alpha_bar)
    weight = (snr + 1).clamp(max=5) / (snr + 1)
    return (weight * ((predicted - v) ** 2).mean(dim=(1, 2, 3))).mean()


@torch.no_grad()
def average(shadow: UNet2DConditionModel, model: UNet2DConditionModel, step: int) -> None:
    """Move the averaged weights towards the trained ones; slower as training goes on."""
    decay = min(0.998, (1 + step) / (10 + step))
    for kept, new in zip(shadow.parameters(), model.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


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


def main() -> None:
    """Train for a number of minutes, saving and drawing every few."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=7e-4)
    parser.add_argument("--save-every", type=float, default=5, help="minutes between saves and sheets")
    chosen = parser.parse_args()
    vae, latents = load_latents()
    tokenizer, rows = load_tokenizer(), read_rows()
    ids = torch.stack([tokenize(tokenizer, [row[f"caption_{index}"] for row in rows]) for index in range(3)])
    empty = tokenize(tokenizer, [""])[0]
    towers = Towers(tokenizer).eval().requires_grad_(False)
    load_stage("towers", {"towers": towers}, None)
    model, shadow, schedule = make_denoiser(), make_denoiser().requires_grad_(False), noise_levels()
    shadow.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    stage = Stage(STAGE, {"unet": model, "ema": shadow}, optimizer, minutes=chosen.minutes, rate=chosen.rate)
    rng = torch.Generator().manual_seed(stage.step)
    size = torch.tensor([128.0, 128, 0, 0, 128, 128]).expand(chosen.batch, 6)
    for _ in stage.steps():
        index = torch.randint(len(latents), (chosen.batch,), generator=rng)
        shown = ids[torch.randint(3, (chosen.batch,), generator=rng), index]
        shown[torch.rand(chosen.batch, generator=rng) < 0.1] = empty
        x_0 = latents[index]
        noise = torch.randn(x_0.shape, generator=rng)
        timesteps = draw_timesteps(chosen.batch, rng)
        x_t = schedule.add_noise(x_0, noise, timesteps)
        states, pooled = encode_captions(towers, shown)
        predicted = model(x_t, timesteps, states, added_cond_kwargs={"text_embeds": pooled, "time_ids": size}).sample
        v = schedule.get_velocity(x_0, noise, timesteps)
        stage.learn(weighted_loss(predicted, v, schedule.alphas_cumprod[timesteps]))
        average(shadow, model, stage.step)
        if stage.save_if_due(chosen.save_every):
            draw_sheet(assemble(vae, towers, tokenizer, shadow), STAGES / f"denoiser-{stage.step:06d}.png")
    draw_sheet(assemble(vae, towers, tokenizer, shadow), STAGES / f"denoiser-{stage.step:06d}.png")


if __name__ == "__main__":
    main()

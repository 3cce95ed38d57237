"""Stage 3: the denoiser, a UNet in SDXL's topology, conditioned by the frozen text towers.

v-prediction on SDXL's noise levels rescaled to zero terminal signal (arXiv 2305.08891), so that plain grounds come out
in the colour that the words ask for. Weight of each noise level: min(SNR + 1, 5) / (SNR + 1), the truncated form of
min-SNR (arXiv 2303.09556) for v. AdamW, exponential moving average, 10 % empty captions. In most steps one block alone
is told what is drawn, and another how, see `block_captions.py`.

Run: `python -m pretraining.denoiser --minutes 100`; run it again to go on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor
from transformers import CLIPTokenizer

from impasto.models.block_prompts import block_prompts
from pretraining.autoencoder import CHANNELS
from pretraining.block_captions import CONTENT, SHUFFLED, STYLE, Told, shuffled
from pretraining.checkpoint import STAGES, load_stage
from pretraining.latents import load_latents
from pretraining.options import read_options
from pretraining.package import NOISE_LEVELS, assemble
from pretraining.pictures import read_rows, save_sheet
from pretraining.precision import half_where_quick
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
    """Return the untrained UNet: two levels, attention on the lower one, text and size conditioning as in SDXL."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(128, 192),
        layers_per_block=1,
        transformer_layers_per_block=[1, 2],
        attention_head_dim=[4, 6],  # diffusers' name for the number of heads: 32 channels each
        cross_attention_dim=2 * WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=SHARED + 6 * 32,
        resnet_time_scale_shift="scale_shift",
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


def drawn_captions(rows: Sequence[Mapping[str, str]], index: Tensor, rng: torch.Generator) -> list[str]:
    """Return one of the three captions of each row; a tenth is empty."""
    which = torch.randint(3, (len(index),), generator=rng, device=rng.device).tolist()
    is_empty = (torch.rand(len(index), generator=rng, device=rng.device) < 0.1).tolist()
    return [
        "" if empty else rows[row][f"caption_{caption}"]
        for row, caption, empty in zip(index.tolist(), which, is_empty, strict=True)
    ]


def told_to_blocks(captions: Sequence[str], rng: torch.Generator) -> Told:
    """Return what the blocks read of a batch: in most steps but one of them is told the truth."""
    if float(torch.rand((), generator=rng, device=rng.device)) >= SHUFFLED:
        return Told(*[list(captions)] * 3)
    return shuffled(captions, torch.randperm(len(captions), generator=rng, device=rng.device).tolist())


def states_by_block(towers: Towers, tokenizer: CLIPTokenizer, told: Told, device: torch.device) -> dict[str, Tensor]:
    """Return what single blocks read where it is not what all others read."""
    own = {CONTENT: told.content, STYLE: told.style}
    return {
        block: encode_captions(towers, tokenize(tokenizer, captions).to(device))[0]
        for block, captions in own.items()
        if captions != told.others
    }


def attention_for(device: torch.device) -> type[AttnProcessor] | type[AttnProcessor2_0]:
    """Return how to attend while training: torch's fused attention is slow backwards in bfloat16 on CPUs."""
    chosen: type[AttnProcessor] | type[AttnProcessor2_0] = AttnProcessor if device.type == "cpu" else AttnProcessor2_0
    return chosen


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
    chosen = read_options(__doc__ or "", minutes=100, batch=64, rate=8e-4)
    device = chosen.device
    vae, latents = load_latents()
    tokenizer, rows = load_tokenizer(), read_rows()
    towers = Towers(tokenizer).eval().requires_grad_(False)
    load_stage("towers", {"towers": towers}, None)
    vae, towers, latents = vae.to(device), towers.to(device), latents.to(device)
    model, shadow = make_denoiser().to(device), make_denoiser().to(device).requires_grad_(False)
    schedule = noise_levels()
    alphas_cumprod = schedule.alphas_cumprod.to(device)
    shadow.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    stage = Stage(
        STAGE, {"unet": model, "ema": shadow}, optimizer, minutes=chosen.minutes, rate=chosen.rate, anew=chosen.anew
    )
    model.set_attn_processor(attention_for(device)())
    predict: Callable[..., UNet2DConditionOutput] = torch.compile(model, dynamic=False) if chosen.compile else model
    rng = torch.Generator(device).manual_seed(stage.step)
    size = torch.tensor([128.0, 128, 0, 0, 128, 128], device=device).expand(chosen.batch, 6)
    for _ in stage.steps():
        index = torch.randint(len(latents), (chosen.batch,), generator=rng, device=device)
        told = told_to_blocks(drawn_captions(rows, index, rng), rng)
        x_0 = latents[index]
        noise = torch.randn(x_0.shape, generator=rng, device=device)
        timesteps = torch.randint(1000, (chosen.batch,), generator=rng, device=device)
        x_t = schedule.add_noise(x_0, noise, timesteps)
        with half_where_quick(device):
            states, pooled = encode_captions(towers, tokenize(tokenizer, told.others).to(device))
            by_block = states_by_block(towers, tokenizer, told, device)
            network = model if by_block else predict  # a compiled one would be compiled anew for every hook
            with block_prompts(model, by_block):
                predicted = network(x_t, timesteps, states, added_cond_kwargs={"text_embeds": pooled, "time_ids": size})
        v = schedule.get_velocity(x_0, noise, timesteps)
        stage.learn(weighted_loss(predicted.sample.float(), v, alphas_cumprod[timesteps]))
        average(shadow, model, stage.step)
        if stage.save_if_due(chosen.save_every):
            draw_sheet(assemble(vae, towers, tokenizer, shadow), STAGES / f"denoiser-{stage.step:06d}.png")
    draw_sheet(assemble(vae, towers, tokenizer, shadow), STAGES / f"denoiser-{stage.step:06d}.png")


if __name__ == "__main__":
    main()

"""The trained base, frozen: what the image prompt adapter and the ControlNet are trained on top of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTokenizer

from pretraining.batches import caption_ids
from pretraining.checkpoint import load_stage
from pretraining.conditioning import encode_captions, size_conditions
from pretraining.denoiser import STAGE, make_denoiser, noise_levels, weighted_loss
from pretraining.latents import load_latents
from pretraining.package import assemble
from pretraining.pictures import read_rows
from pretraining.precision import half_where_quick
from pretraining.slices import attention_for
from pretraining.towers import Towers, load_tokenizer, tokenize


@dataclass(frozen=True, slots=True)
class Batch:
    """Noised latents with their captions, and what the UNet should predict.

    Attributes:
        index: Numbers of the pictures, on the CPU, shape (batch,).
        x_t: Noised latents, shape (batch, channels, 16, 16).
        timesteps: Shape (batch,).
        v: The target, shape (batch, channels, 16, 16).
        alpha_bar: Share of signal at each timestep, shape (batch,).
        states: Encoded captions, shape (batch, tokens, channels).
        added: Pooled captions and sizes, as SDXL's UNet takes them.
    """

    index: Tensor
    x_t: Tensor
    timesteps: Tensor
    v: Tensor
    alpha_bar: Tensor
    states: Tensor
    added: dict[str, Tensor]

    def loss(self, predicted: Tensor) -> Tensor:
        """Return the denoiser's own loss."""
        return weighted_loss(predicted.float(), self.v, self.alpha_bar)


@dataclass(frozen=True, slots=True)
class FrozenBase:
    """The base's parts, without gradients, and the data set as latents and captions.

    Attributes:
        vae: Autoencoder with normalised latents.
        towers: Text encoders and image encoder.
        tokenizer: Of both text encoders.
        unet: The averaged weights of the denoiser.
        schedule: Noise levels of training.
        latents: Of all pictures, float16, on the CPU, shape (count, channels, 16, 16).
        ids: Tokens of all captions, int16, on the CPU, shape (3, count, tokens).
        device: Where the networks are.
    """

    vae: AutoencoderKL
    towers: Towers
    tokenizer: CLIPTokenizer
    unet: UNet2DConditionModel
    schedule: DDPMScheduler
    latents: Tensor
    ids: Tensor
    device: torch.device

    def draw(self, count: int, rng: torch.Generator, *, worded: float, mistold: float = 0.0) -> Batch:
        """Return a batch; captions are empty but for a share `worded` of the rows.

        Args:
            count: Of rows.
            rng: What pictures, captions, noise and levels are drawn from.
            worded: Share of rows with a caption.
            mistold: Share of those whose caption is that of another row.
        """
        index = torch.randint(len(self.latents), (count,), generator=rng)
        described = index
        if mistold:
            described = torch.where(torch.rand(count, generator=rng) < mistold, index.roll(1), index)
        shown = self.ids[torch.randint(len(self.ids), (count,), generator=rng), described].long()
        shown[torch.rand(count, generator=rng) >= worded] = tokenize(self.tokenizer, [""])[0]
        x_0 = self.latents[index].to(self.device).float()
        noise = torch.randn(x_0.shape, generator=rng).to(self.device)
        timesteps = torch.randint(len(self.schedule.alphas_cumprod), (count,), generator=rng).to(self.device)
        with half_where_quick(self.device):
            states, pooled = encode_captions(self.towers, shown.to(self.device))
        return Batch(
            index,
            self.schedule.add_noise(x_0, noise, timesteps),  # type: ignore[arg-type]  # any whole numbers do
            timesteps,
            self.schedule.get_velocity(x_0, noise, timesteps),  # type: ignore[arg-type]  # any whole numbers do
            self.schedule.alphas_cumprod.to(self.device)[timesteps],
            states,
            {"text_embeds": pooled, "time_ids": size_conditions(count, self.device)},
        )

    def pipeline(self) -> StableDiffusionXLPipeline:
        """Return the base as a pipeline that says nothing while it draws."""
        pipe = assemble(self.vae, self.towers, self.tokenizer, self.unet).to(self.device)
        pipe.set_progress_bar_config(disable=True)
        return pipe


def read_base(device: torch.device) -> FrozenBase:
    """Return the trained base.

    Raises:
        SystemExit: The denoiser is not trained yet.
    """
    vae, latents = load_latents()
    tokenizer = load_tokenizer()
    ids = caption_ids(tokenizer, read_rows())
    towers, unet = Towers(tokenizer).eval().requires_grad_(False), make_denoiser().eval().requires_grad_(False)
    if not (load_stage("towers", {"towers": towers}, None) and load_stage(STAGE, {"ema": unet}, None)):
        raise SystemExit("there is no trained base: run pretraining.towers and pretraining.denoiser first")
    unet.set_attn_processor(attention_for(device)())
    vae.to(device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    unet.to(device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    return FrozenBase(vae, towers.to(device), tokenizer, unet, noise_levels(), latents, ids, device)

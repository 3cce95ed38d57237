"""What the example scripts of diffusers do in a training step, as a plain loop to compare with.

Written for this benchmark after reading the scripts. `train_dreambooth.py` (full fine-tuning, text encoder included,
prior preservation) and `train_text_to_image_lora_sdxl.py` (low-rank adapters on attention) do, in every step: open and
resize the pictures and tokenise the prompts (in the loader's own process, its default), encode the pictures with the
autoencoder, encode the prompts, noise, predict, go back, clip, step AdamW, and read the loss with `.item()`. In
float32 and with the attention that a pipeline has after loading. The two scripts differ in what learns and in the
prior term; for two text encoders the prompts are encoded as the SDXL scripts do it.

`Habits` switches single habits off, for the ladder of `benchmarks/step_ladder.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from peft import LoraConfig
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from impasto.models.latent_diffusion import LatentDiffusion


@dataclass(frozen=True, slots=True)
class Habits:
    """What the loop does anew in every step; the defaults are what the scripts do."""

    encodes_pictures: bool = True
    encodes_prompts: bool = True
    reads_loss: bool = True
    fused_optimizer: bool = False
    half_precision: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What one stream shows: picture files and the words of each."""

    paths: Sequence[Path]
    prompts: Sequence[str]


class PlainLoop:
    """A training loop as the scripts have it.

    Args:
        base: Its pipeline's parts are trained; it is not put back.
        streams: Style pictures, and the prior's if there is one; each gives `rows` rows of a step.
        rows: Of each stream in a step.
        side: Of the pictures, in pixels.
        rank: Of the adapters, or None for full fine-tuning of UNet and text encoders.
        habits: What is done in every step.
    """

    def __init__(
        self,
        base: LatentDiffusion,
        streams: Sequence[Shown],
        *,
        rows: int,
        side: int,
        rank: int | None,
        habits: Habits = Habits(),
    ) -> None:
        self.pipe, self.streams, self.rows, self.side, self.habits = base.pipe, streams, rows, side, habits
        self.encoders = [
            (base.tokenizers()[name], each) for name, each in base.networks().items() if name.startswith("text")
        ]
        self.scheduler = DDPMScheduler.from_config(base.pipe.scheduler.config)
        self.learns_text = rank is None
        if rank is None:
            for network in base.networks().values():
                network.requires_grad_(True)
        else:
            targets = ["to_k", "to_q", "to_v", "to_out.0"]
            base.denoiser.add_adapter(
                LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=targets)
            )
        networks = base.networks().values()
        self.parameters = [each for network in networks for each in network.parameters() if each.requires_grad]
        fused = True if habits.fused_optimizer else None
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-4, weight_decay=1e-2, fused=fused)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda _: 1.0)
        self._order = [self._endless(len(shown.paths)) for shown in streams]
        self._kept: dict[object, Any] = {}
        self.losses: list[float] = []

    def _endless(self, count: int) -> Iterator[int]:
        while True:
            yield from torch.randperm(count).tolist()

    def _load(self, path: Path) -> Tensor:
        """Return a picture in [-1, 1], as the scripts' transforms make it: resized, cut to the middle, normalised."""
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        scale = self.side / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        resized = image.resize(size, Image.Resampling.BILINEAR)
        left, top = (resized.width - self.side) // 2, (resized.height - self.side) // 2
        cut = resized.crop((left, top, left + self.side, top + self.side))
        return torch.from_numpy(np.asarray(cut, np.float32) / 255).permute(2, 0, 1).sub(0.5).div(0.5)

    def _posterior(self, paths: Sequence[Path]) -> Any:  # noqa: ANN401 - a class that diffusers does not export
        pixels = torch.stack([self._load(path) for path in paths])
        with torch.no_grad():
            return self.pipe.vae.encode(pixels).latent_dist

    def _latents(self, paths: Sequence[Path]) -> Tensor:
        if self.habits.encodes_pictures:
            latents: Tensor = self._posterior(paths).sample() * self.pipe.vae.config.scaling_factor
            return latents
        for path in paths:
            if path not in self._kept:
                posterior = self._posterior([path])
                self._kept[path] = (posterior.mean, posterior.std)
        mean, std = (torch.cat(parts) for parts in zip(*(self._kept[path] for path in paths), strict=True))
        kept: Tensor = (mean + std * torch.randn_like(mean)) * self.pipe.vae.config.scaling_factor
        return kept

    def _encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the penultimate states of all text encoders side by side, and the last one's pooled embedding."""
        states = []
        with nullcontext() if self.learns_text else torch.no_grad():
            for tokenizer, encoder in self.encoders:
                length = tokenizer.model_max_length
                words = tokenizer(
                    list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
                )
                encoded = encoder(words.input_ids, output_hidden_states=True)
                pooled, last = encoded[0], encoded.hidden_states[-2]
                states.append(last)
        return torch.cat(states, dim=-1), pooled

    def _words(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        if self.habits.encodes_prompts or self.learns_text:
            return self._encode(prompts)
        for prompt in prompts:
            if prompt not in self._kept:
                self._kept[prompt] = self._encode([prompt])
        states, pooled = zip(*(self._kept[prompt] for prompt in prompts), strict=True)
        return torch.cat(states), torch.cat(pooled)

    def _loss(self) -> Tensor:
        drawn = [
            (shown, [next(order) for _ in range(self.rows)])
            for shown, order in zip(self.streams, self._order, strict=True)
        ]
        paths = [shown.paths[index] for shown, rows in drawn for index in rows]
        prompts = [shown.prompts[index] for shown, rows in drawn for index in rows]
        latents = self._latents(paths)
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(latents),)).long()
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        states, pooled = self._words(prompts)
        time_ids = torch.tensor([[self.side, self.side, 0, 0, self.side, self.side]] * len(latents)).float()
        added = {"text_embeds": pooled, "time_ids": time_ids}
        predicted = self.pipe.unet(noisy, timesteps, states, added_cond_kwargs=added).sample
        is_velocity = self.scheduler.config.prediction_type == "v_prediction"
        target = self.scheduler.get_velocity(latents, noise, timesteps) if is_velocity else noise
        parts = zip(predicted.float().chunk(len(drawn)), target.float().chunk(len(drawn)), strict=True)
        return torch.stack([F.mse_loss(each, wanted) for each, wanted in parts]).sum()

    def step(self) -> None:
        """Do one step."""
        with torch.autocast("cpu", torch.bfloat16) if self.habits.half_precision else nullcontext():
            loss = self._loss()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        if self.habits.reads_loss:
            self.losses.append(loss.detach().item())

"""Latents as the denoiser leaves them: noised a little and denoised again, in steps as wide as those of drawing.

Where there is little noise left, the denoiser decides on edges, and puts them a pixel aside or lets them wobble. A
decoder that is shown such latents beside the true picture learns what was meant. Steps are those of DDIM (arXiv
2010.02502, Eq. 12 with σ = 0) for a network that predicts v = αε - σx₀ (arXiv 2202.00512, App. D).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from pretraining.checkpoint import load_stage
from pretraining.conditioning import encode_captions, size_conditions
from pretraining.denoiser import STAGE, make_denoiser, noise_levels
from pretraining.precision import half_where_quick
from pretraining.slices import attention_for
from pretraining.towers import Towers, load_tokenizer, tokenize

STRIDE = 50
"""Noise levels between two steps: those of 20 steps of drawing."""


@dataclass(frozen=True, slots=True)
class Redrawing:
    """The frozen denoiser, told nothing of what is drawn: at little noise it sees that itself.

    Attributes:
        unet: Predicts v.
        states: Of the empty caption, shape (1, tokens, channels).
        pooled: Of the empty caption, shape (1, shared).
        alpha_bar: Share of signal at each noise level, shape (levels,).
    """

    unet: UNet2DConditionModel
    states: Tensor
    pooled: Tensor
    alpha_bar: Tensor

    @torch.no_grad()
    def __call__(self, x_0: Tensor, steps: int, rng: torch.Generator) -> Tensor:
        """Return latents noised to `steps` steps before the end and drawn again from there by DDIM without noise.

        Args:
            x_0: Clean latents, shape (batch, channels, 16, 16).
            steps: At least 1; each is `STRIDE` levels wide.
            rng: Of the noise.

        Returns:
            Of the shape of `x_0`, float32.
        """
        levels = [STRIDE * place for place in range(steps, 0, -1)]
        signal, noise = self._parts(levels[0])
        x_t = signal * x_0 + noise * torch.randn(x_0.shape, generator=rng).to(x_0.device)
        for level in levels:
            signal, noise = self._parts(level)
            v = self._velocity(x_t, level)
            clean, epsilon = signal * x_t - noise * v, noise * x_t + signal * v
            signal, noise = self._parts(level - STRIDE) if level > STRIDE else (1.0, 0.0)
            x_t = signal * clean + noise * epsilon
        return x_t

    def _parts(self, level: int) -> tuple[float, float]:
        share = float(self.alpha_bar[level])
        return share**0.5, (1 - share) ** 0.5

    def _velocity(self, x_t: Tensor, level: int) -> Tensor:
        count, device = len(x_t), x_t.device
        added = {"text_embeds": self.pooled.expand(count, -1), "time_ids": size_conditions(count, device)}
        states = self.states.expand(count, -1, -1)
        with half_where_quick(device):
            v: Tensor = self.unet(x_t, level, states, added_cond_kwargs=added, return_dict=False)[0]
        return v.float()


def read_redrawing(device: torch.device) -> Redrawing:
    """Return the trained denoiser for this.

    Raises:
        SystemExit: It is not trained yet.
    """
    tokenizer = load_tokenizer()
    towers, unet = Towers(tokenizer).eval().requires_grad_(False), make_denoiser().eval().requires_grad_(False)
    if not (load_stage("towers", {"towers": towers}, None) and load_stage(STAGE, {"ema": unet}, None)):
        raise SystemExit("--redrawn needs a trained base: run pretraining.towers and pretraining.denoiser first")
    unet.set_attn_processor(attention_for(device)())
    states, pooled = encode_captions(towers, tokenize(tokenizer, [""]))
    unet.to(device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    return Redrawing(unet, states.to(device), pooled.to(device), noise_levels().alphas_cumprod)

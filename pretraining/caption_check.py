"""Are words learnt? The loss with the right caption beside that with another subject in it.

At high noise a denoiser that knows its words is much better off with the right ones. The two numbers are apart long
before a subject can be seen in a drawing, so that runs of five minutes can be compared. Rows and noise are the same at
every check, of every run on one data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTokenizer

from pretraining.block_captions import divided, joined
from pretraining.conditioning import encode_captions, size_conditions
from pretraining.precision import half_where_quick
from pretraining.towers import Towers, tokenize

CHECKED_LEVELS = (700, 850, 950)
ROWS, BATCH, SEED = 192, 64, 5


def exchanged(captions: Sequence[str], subjects: Sequence[str], rng: torch.Generator) -> list[str]:
    """Return each caption with the subject of another row, one that shows something else; the rest of it stays.

    Raises:
        ValueError: There is one subject only.
    """
    if len(set(subjects)) < 2:
        raise ValueError(f"all rows show {subjects[0]!r}: words can be told apart with two subjects or more")
    changed = []
    for caption, subject in zip(captions, subjects, strict=True):
        others = [place for place, other in enumerate(subjects) if other != subject]
        place = others[int(torch.randint(len(others), (), generator=rng))]
        changed.append(joined(divided(captions[place])[0], divided(caption)[1]))
    return changed


class CaptionCheck:
    """The same pictures, noise and captions at every check.

    Args:
        latents: Of all pictures, shape (count, channels, 16, 16), on the device.
        rows: Their subjects and captions. Plain drawings are preferred: those without words for a style.
        tokenizer: Of the towers.
        schedule: Noise levels.
        count: Of pictures that are checked, at most.
    """

    def __init__(
        self,
        latents: Tensor,
        rows: Sequence[Mapping[str, Any]],
        tokenizer: CLIPTokenizer,
        schedule: DDPMScheduler,
        count: int = ROWS,
    ) -> None:
        rng = torch.Generator().manual_seed(SEED)
        plain = [place for place, row in enumerate(rows) if not row.get("words")] or list(range(len(rows)))
        chosen = [plain[place] for place in torch.randperm(len(plain), generator=rng)[:count].tolist()]
        captions = [rows[place]["caption_0"] for place in chosen]
        others = exchanged(captions, [rows[place]["subject"] for place in chosen], rng)
        device = latents.device
        self._ids = [tokenize(tokenizer, each).to(device) for each in (captions, others)]
        self._x_0 = latents[torch.tensor(chosen, device=device)].float()
        self._noise = torch.randn(self._x_0.shape, generator=rng).to(device)
        self._schedule = schedule

    @torch.no_grad()
    def losses(self, unet: UNet2DConditionModel, towers: Towers) -> dict[str, list[float]]:
        """Return the mean squared error of v by level: with the right caption, with another subject."""
        return {str(level): [self._loss(unet, towers, level, ids) for ids in self._ids] for level in CHECKED_LEVELS}

    def _loss(self, unet: UNet2DConditionModel, towers: Towers, level: int, ids: Tensor) -> float:
        total = 0.0
        for start in range(0, len(ids), BATCH):
            part = slice(start, start + BATCH)
            x_0, noise = self._x_0[part], self._noise[part]
            timesteps = torch.full((len(x_0),), level, device=x_0.device)
            with half_where_quick(x_0.device):
                states, pooled = encode_captions(towers, ids[part])
                added = {"text_embeds": pooled, "time_ids": size_conditions(len(x_0), x_0.device)}
                x_t = self._schedule.add_noise(x_0, noise, timesteps)  # type: ignore[arg-type]  # any whole numbers do
                predicted = unet(x_t, timesteps, states, added_cond_kwargs=added).sample
            v = self._schedule.get_velocity(x_0, noise, timesteps)  # type: ignore[arg-type]  # any whole numbers do
            error = predicted.float() - v
            total += float(error.square().mean(dim=(1, 2, 3)).sum())
        return round(total / len(ids), 4)


def as_line(losses: Mapping[str, Sequence[float]]) -> str:
    """Return the losses as they are printed: "850: 0.058/0.559", right caption and another."""
    return "  ".join(f"{level}: {right:.3f}/{other:.3f}" for level, (right, other) in losses.items())

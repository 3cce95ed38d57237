"""B-LoRA: the style and the content of one picture, learnt apart by low-rank adapters on two blocks of the denoiser.

Paper: Implicit Style-Content Separation using B-LoRA, arXiv:2403.14572v2.
Official code: yardenfren1996/B-LoRA.
Differs from it: strength is linear, W = W0 + scale ΔW, as the paper writes it (the script scales both factors and so
squares it); pictures are turned upright and cut to the training size, with their true size and crop told to the
base (the script does neither); any base that states its roles can be used. Both factors are initialised as the script
does it: A from N(0, 1/r²), B zero, no alpha.
Options beyond the paper: an error of x_0 and training on top of another style (`--attach`), as ConsisLoRA
(arXiv:2503.10614) does in its two stages; noisier timesteps (arXiv:2411.14793).
Notation: [v] the word for the picture (`placeholder`) · W⁴ the block of role "content" · W⁵ the one of role "style"
Learns: ΔW = B A on q, k, v and out of every self- and cross-attention of the blocks of the chosen roles. Text
encoders stay as they are.
Shows: one picture, or a few, with "A [v]".
Minimises: E ||ε - ε_θ(x_t, c("A [v]"))||² (v in place of ε for bases that predict v), or E ||x_0 - x̂_0||².
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.adapters.low_rank import LowRank
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.errors import ConfigError
from impasto.core.paper import Paper
from impasto.data.streams import Batch
from impasto.diffusion.timesteps import NormalLogSnr, as_trained
from impasto.methods._denoising import denoise_batch
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel
from impasto.models.roles import blocks_of, roles_in

STREAM = "style"
_PLACEHOLDER = "{v}"


class BLoRASettings(config.Config):
    """What can be chosen about B-LoRA."""

    rank: int = Field(default=64, ge=1, le=4096)
    """Rank of the adapters."""
    alpha: float | None = Field(default=None, gt=0)
    """α: what is learnt counts α / r; r, as in the paper, unless given."""
    roles: tuple[str, ...] = ("content", "style")
    """Which blocks learn; repeat the flag, e.g. --roles style to learn the style alone."""
    roles_file: Path | None = None
    """roles.json of impasto probe, for bases that do not bring one: which block plays which role."""
    placeholder: str = Field(default="[v]", pattern=r"^\S+$")
    """The word that names the picture in prompts."""
    training_prompt: str = Field(default="A {v}", pattern=r"\{v\}")
    """What the picture is shown with; {v} stands for the placeholder."""
    objective: Literal["prediction", "x_0"] = "prediction"
    """Which error is made small: that of what the base predicts, as in the paper, or that of the clean latents."""
    timesteps: Literal["uniform", "style-friendly"] = "uniform"
    """Which noise levels are shown: all alike, as in the paper, or the noisy ones more often."""


class BLoRA(Configured[BLoRASettings]):
    """B-LoRA."""

    name: ClassVar[str] = "b_lora"
    paper: ClassVar[Paper] = Paper(
        "Implicit Style-Content Separation using B-LoRA", "2403.14572v2", "yardenfren1996/B-LoRA"
    )
    Config: ClassVar[type[config.Config]] = BLoRASettings
    num_pictures: ClassVar[tuple[int, int]] = (1, 1)

    def style_words(self) -> str:
        """Return the words that call the style block."""
        return f"in {self.settings.placeholder} style"

    def content_words(self) -> str:
        """Return the words that call the content block, or nothing when it does not learn."""
        return f"A {self.settings.placeholder}" if "content" in self.settings.roles else ""

    def prompts(self) -> dict[str, str]:
        """Return the one stream's words, "A [v]"."""
        return {STREAM: self.settings.training_prompt.replace(_PLACEHOLDER, self.settings.placeholder)}

    def kind(self) -> str:
        """Return how the style is saved."""
        return "lora"

    def new_tokens(self) -> tuple[str, ...]:
        """Return none: the placeholder is read as the letters it is made of."""
        return ()

    def roles(self, base: LatentDiffusion) -> dict[str, tuple[str, ...]]:
        """Return the blocks that learn, by role.

        Raises:
            ConfigError: No role is chosen, the file of roles cannot be read, or the base does not know one.
        """
        if not self.settings.roles:
            raise ConfigError(f"roles = []: name at least one; this base knows {', '.join(base.roles) or 'none'}")
        file = self.settings.roles_file
        return blocks_of(base.roles if file is None else roles_in(file), self.settings.roles, base.denoiser)

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:
        """Return low-rank adapters on the blocks of the chosen roles."""
        blocks = [block for blocks in self.roles(base).values() for block in blocks]
        targets = base.targets(text=False)
        return LowRank(base.networks(), targets, self.settings.rank, rng, blocks, alpha=self.settings.alpha)

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return the mean error over the batch."""
        draw = NormalLogSnr() if self.settings.timesteps == "style-friendly" else as_trained
        denoised = denoise_batch(base, batch, rng, draw)
        errors = denoised.errors(base) if self.settings.objective == "prediction" else denoised.errors_of_x_0(base)
        terms = denoised.by_stream(errors)
        return terms[STREAM], terms

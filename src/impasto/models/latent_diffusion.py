"""What all latent diffusion families share: a diffusers pipeline's parts behind the `BaseModel` seam."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from diffusers import AutoencoderKL, DiffusionPipeline, ModelMixin
from jaxtyping import Float, Num
from torch import Tensor, nn
from transformers import CLIPTokenizer

from impasto.adapters.new_tokens import Tokenizer
from impasto.core.errors import ConfigError
from impasto.core.finite import require_finite
from impasto.diffusion.noise_process import NoiseProcess
from impasto.diffusion.objective import PLAIN, Objective
from impasto.models.attention_layers import AttentionLayer, attention_layers_of
from impasto.models.checks.parts import check_autoencoder, check_tokenizers
from impasto.models.checks.settings import check_settings
from impasto.models.conditioning import Conditioning, Geometry, joined, joined_windows
from impasto.models.family_facts import FileNames, FolderParts, SingleFile
from impasto.models.fingerprint import Fingerprint, fingerprint_of
from impasto.models.forward_context import ForwardContext
from impasto.models.prompt_windows import windows_of
from impasto.models.roles import Roles
from impasto.models.tokenizers import fits, limit_of

_SHOWN = 40


class LatentDiffusion(ABC):
    """A base model made of a diffusers pipeline's parts.

    Attributes:
        family: The family's name, as the file in `families/` is called.
        pipeline_class: Of diffusers.
        family_roles: What is known of the blocks of all bases of the family.
        denoiser_name: What the pipeline and style files call the denoiser.
        parts: What a diffusers folder holds.
        single_file: How a checkpoint file is known, or None where there are none.
        file_names: What LoRA files of other tools call the denoiser's parts, or None.
        lora_targets: Endings of the layers that get low-rank adapters, by network.
        repeated_blocks: Classes of blocks to compile, besides those that diffusers lists for the denoiser.
        recipe: Which measured settings fit: "pocket", or the family.
        roles: Which blocks of the denoiser play which role.
        notes: What the user should know of how it was opened.
        pipe: The pipeline whose parts are used; its own `__call__` is not.
        process: How noise was added in training, and what the denoiser predicts.
        num_weights: Of denoiser and text encoders.
        resolution: Side of the pictures it was trained on, in pixels.
    """

    family: ClassVar[str]
    pipeline_class: ClassVar[type[DiffusionPipeline]]
    family_roles: ClassVar[Roles]
    objective: ClassVar[Objective] = PLAIN
    denoiser_name: ClassVar[str]
    parts: ClassVar[FolderParts]
    single_file: ClassVar[SingleFile | None]
    file_names: ClassVar[FileNames | None]
    lora_targets: ClassVar[Mapping[str, tuple[str, ...]]]
    repeated_blocks: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        pipe: DiffusionPipeline,
        recipe: str,
        roles: Roles | None = None,
        *,
        name: str = "given",
        notes: tuple[str, ...] = (),
    ) -> None:
        self.pipe = pipe
        for part in (self.denoiser_name, "vae", "scheduler"):
            module = getattr(pipe, part)
            check_settings(type(module), module.config, part, name)
        check_autoencoder(pipe, name)
        self.check(pipe, name)
        self.notes = (*notes, *check_tokenizers(pipe, self.parts.tokenizers, name))
        self.recipe = recipe
        self.roles = self.family_roles if roles is None else roles
        self.process = self.noise_process(name)
        self.resolution = self.native_side * self.factor
        for module in self.networks().values():
            module.eval().requires_grad_(False)
        self.vae.eval().requires_grad_(False)
        self.num_weights = sum(p.numel() for module in self.networks().values() for p in module.parameters())
        self._fingerprint: Fingerprint | None = None
        self._overflows = False  # whether the autoencoder was seen to overflow in half precision

    @classmethod
    @abstractmethod
    def check(cls, pipe: DiffusionPipeline, name: str) -> None:
        """Raise `ConfigError` unless the parts fit one another; `name` is what messages call the base."""

    @classmethod
    @abstractmethod
    def refuse_scheduler(cls, config: dict[str, object], name: str) -> None:
        """Raise `ConfigError` unless a scheduler's settings fit the family's noise process."""

    @abstractmethod
    def noise_process(self, name: str) -> NoiseProcess:
        """Return how the base was trained; `name` is what messages call it."""

    @property
    @abstractmethod
    def denoiser(self) -> ModelMixin:
        """The network that predicts noise."""

    @property
    @abstractmethod
    def native_side(self) -> int:
        """Side of the latents that the denoiser was trained on."""

    @property
    @abstractmethod
    def latent_multiple(self) -> int:
        """What sides of latents are multiples of where nothing is padded."""

    @abstractmethod
    def blocks(self) -> list[str]:
        """Return the paths of the blocks that may be shown words of their own, in the order of a forward pass."""

    @abstractmethod
    def longest_sequence(self, height: int, width: int) -> int:
        """Return how many places of latents of this size attend to each other at most."""

    def attention_layers(self) -> Mapping[str, AttentionLayer]:
        """Return the denoiser's attention layers by path."""
        return attention_layers_of(self.denoiser, self.roles)

    @property
    def vae(self) -> AutoencoderKL:
        """The autoencoder."""
        autoencoder: AutoencoderKL = self.pipe.vae
        return autoencoder

    @property
    def factor(self) -> int:
        """Pixels per latent, along a side."""
        return int(2 ** (len(self.vae.config["block_out_channels"]) - 1))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        first: Tensor = next(iter(self.denoiser.parameters()))
        return first.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the denoiser's weights."""
        first: Tensor = next(iter(self.denoiser.parameters()))
        return first.dtype

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the untouched base; computed once, before anything is attached."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint_of(self.networks())
        return self._fingerprint

    def networks(self) -> dict[str, nn.Module]:
        """Return the denoiser and the text encoders."""
        return {name: getattr(self.pipe, name) for name in (self.denoiser_name, *self.parts.tokenizers)}

    def text_encoders(self) -> dict[str, nn.Module]:
        """Return the text encoders."""
        return {name: getattr(self.pipe, name) for name in self.parts.tokenizers}

    def targets(self, *, text: bool) -> dict[str, tuple[str, ...]]:
        """Return which layers low-rank adapters go to, by network, with the text encoders or without."""
        names = self.networks() if text else (self.denoiser_name,)
        return {name: self.lora_targets[name] for name in names}

    def tokenizers(self) -> dict[str, CLIPTokenizer]:
        """Return the tokenizer of each text encoder, by the text encoder's name."""
        return {name: getattr(self.pipe, tokenizer) for name, tokenizer in self.parts.tokenizers.items()}

    def set_tokenizer(self, text_encoder: str, tokenizer: Tokenizer) -> None:
        """Replace the tokenizer of one text encoder."""
        setattr(self.pipe, self.parts.tokenizers[text_encoder], tokenizer)

    @torch.no_grad()
    def encode_images(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch c h w"], Float[Tensor, "batch c h w"]]:
        """Return mean and standard deviation of the latents, (batch, channels, height / factor, width / factor)."""
        config = self.vae.config
        mean, std = self._posterior(images)
        if not self._can_stay(mean, std):
            mean, std = self._posterior(images)
        if config.get("latents_mean") is not None:
            shift, spread = (torch.tensor(v, device=self.device).view(1, -1, 1, 1) for v in self._latent_statistics())
            return (mean - shift) * config["scaling_factor"] / spread, std * config["scaling_factor"] / spread
        return mean * config["scaling_factor"], std * config["scaling_factor"]

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch 3 height width"]:
        """Return pictures in [-1, 1], float32 on the CPU.

        What overflows in half precision is decoded again in float32.

        Raises:
            NotFinite: It overflows there too.
        """
        pictures = self._decoded(latents)
        if not self._can_stay(pictures):
            pictures = self._decoded(latents)
        way_out = (
            "the autoencoder is damaged, or what was drawn is far from any picture; use another base or lower scales"
        )
        return require_finite(pictures, "what the autoencoder makes of a picture", way_out).clamp(-1, 1).cpu()

    def _can_stay(self, *found: Tensor) -> bool:
        """Return whether the autoencoder's precision suffices; if not, it computes in float32 from now on."""
        if self.vae.dtype is torch.float32 or all(bool(each.isfinite().all()) for each in found):
            return True
        self._overflows = True
        return False

    def _posterior(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch c h w"], Float[Tensor, "batch c h w"]]:
        vae_dtype = self._prepare_vae()
        posterior = self.vae.encode(images.to(self.device, vae_dtype)).latent_dist
        return posterior.mean.float(), posterior.std.float()

    def _decoded(self, latents: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch 3 height width"]:
        config = self.vae.config
        vae_dtype = self._prepare_vae()
        latents = latents.to(vae_dtype)
        if config.get("latents_mean") is not None:
            shift, spread = (
                torch.tensor(v, device=self.device, dtype=vae_dtype).view(1, -1, 1, 1)
                for v in self._latent_statistics()
            )
            latents = latents * spread / config["scaling_factor"] + shift
        else:
            latents = latents / config["scaling_factor"]
        pictures: Tensor = self.vae.decode(latents).sample
        return pictures.float()

    def _prepare_vae(self) -> torch.dtype:
        """Return the autoencoder's precision, float32 where half precision would overflow (SDXL's own)."""
        dtype = torch.float32 if self.vae.config["force_upcast"] or self._overflows else self.dtype
        if self.vae.dtype != dtype:
            self.vae.to(dtype=dtype)  # type: ignore[call-arg]  # diffusers wraps to() without its self
        return dtype

    def _latent_statistics(self) -> tuple[list[float], list[float]]:
        return list(self.vae.config["latents_mean"]), list(self.vae.config["latents_std"])

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Return (channels, height, width) of the latents of a picture.

        Raises:
            ConfigError: A side does not fit the network.
        """
        step = self.factor * self.latent_multiple
        if height < step or width < step or height % self.factor or width % self.factor:
            raise ConfigError(
                f"picture size {height}x{width} does not fit this base: both sides must be multiples of {self.factor} "
                f"and at least {step} pixels"
            )
        return int(self.vae.config["latent_channels"]), height // self.factor, width // self.factor

    def token_limit(self) -> int:
        """Return how many tokens of a prompt the text encoders read at once, those of start and end left out."""
        return min(limit_of(tokenizer) for tokenizer in self.tokenizers().values())

    def reads_whole(self, prompt: str) -> bool:
        """Return whether every text encoder reads all of a prompt at once; learnt words count with all their rows.

        Raises:
            ConfigError: The prompt holds letters that no encoding has: bytes of a command line that are no UTF-8.
        """
        if not _is_text(prompt):
            raise ConfigError(f"the prompt {prompt[:_SHOWN]!r} holds bytes that are no UTF-8: leave them out")
        return all(
            fits(tokenizer, self.pipe.maybe_convert_prompt(prompt, tokenizer))
            for tokenizer in self.tokenizers().values()
        )

    def windows(self, prompt: str) -> list[str]:
        """Return the parts in which a prompt is read: itself, or windows of the text encoders' length."""
        return windows_of(prompt, self.reads_whole)

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the encoded prompts; carries gradients when text encoders are learnt.

        A long prompt is read in windows: their token states stand side by side, and the pooled embedding is the mean
        over them. Shorter prompts of the same call get empty windows.
        """
        parts = [self.windows(prompt) for prompt in prompts]
        if max(map(len, parts), default=1) == 1:
            return self._encode(prompts)
        nothing = self._encode([""]).states
        encoded = [joined_windows(self._encode(each)) for each in parts]
        return joined([each.lengthened(nothing, max(map(len, parts)) * nothing.shape[1]) for each in encoded])

    @abstractmethod
    def _encode(self, prompts: Sequence[str]) -> Conditioning:
        """Return encoded prompts of one window each."""

    @property
    def zeros_empty_prompt(self) -> bool:
        """Whether the base was trained with zeros in place of the encoded empty prompt."""
        return False

    def encode_nothing(self, count: int, negative_prompt: str | None) -> Conditioning:
        """Return the unconditional branch's conditioning, `count` rows.

        Args:
            count: Rows.
            negative_prompt: What to steer away from; "" is encoded like any other. None is what the base was trained
                with: the encoded empty prompt, or zeros.
        """
        encoded = self.encode_prompts([negative_prompt or ""]).rows([0] * count)
        return encoded.zeros_like() if negative_prompt is None and self.zeros_empty_prompt else encoded

    @abstractmethod
    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Num[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
        context: ForwardContext | None = None,
    ) -> Float[Tensor, "batch c h w"]:
        """Return the denoiser's prediction; `context` tells an installed control which row is which."""


def _is_text(prompt: str) -> bool:
    try:
        prompt.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

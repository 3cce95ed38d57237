"""A base whose frozen encoders are asked once: for prompts within a run, for pictures and prompts across runs too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import cast

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn
from transformers import PreTrainedConfig

from impasto.core.digest import digest_of_json, digest_of_tensors
from impasto.core.store import TensorStore
from impasto.diffusion.noise_process import NoiseProcess
from impasto.diffusion.objective import PLAIN, Objective
from impasto.models.computing.offloading import OffloadedModules
from impasto.models.conditioning import Conditioning, Geometry, joined
from impasto.models.latent_diffusion import LatentDiffusion


class CachedEncoders:
    """The same base, with what its frozen encoders say kept by what they were shown.

    A picture is known by its pixels after cutting, so that neither its file's name nor how it was compressed matters;
    an encoder by all of its weights and its configuration, with whatever is attached to it. Device, precision and the
    version of torch are part of the key: what is read back is, bit for bit, what would be computed.

    Args:
        base: Encodes what is not known yet.
        store: Keeps what was encoded.
        keeps_prompts: Whether no text encoder learns.
        offloaded: Brings the encoders back for what is not known yet.
        objective: What the run's losses are given beside the method's own formula.
    """

    def __init__(
        self,
        base: LatentDiffusion,
        store: TensorStore,
        offloaded: OffloadedModules,
        *,
        keeps_prompts: bool,
        objective: Objective = PLAIN,
    ) -> None:
        self._objective = objective
        self._base = base
        self._store = store
        self._offloaded = offloaded
        self._keeps_prompts = keeps_prompts
        self._prompts: dict[str, Conditioning] = {}

    @property
    def family(self) -> str:
        """Name of the family."""
        return self._base.family

    @property
    def process(self) -> NoiseProcess:
        """How noise was added in training, and what the network predicts."""
        return self._base.process

    @property
    def objective(self) -> Objective:
        """What losses are given beside the method's own formula."""
        return self._objective

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks of the base."""
        return self._base.networks()

    @cached_property
    def _circumstances(self) -> dict[str, object]:
        base = self._base
        return {"torch": torch.__version__, "device": base.device.type, "dtype": str(base.dtype)}

    @cached_property
    def _picture_encoder(self) -> str:
        vae = self._base.vae  # its precision changes when it is first used, its values do not
        weights = {name: value.float() for name, value in vae.state_dict().items()}
        return digest_of_json([digest_of_tensors(weights), _settings(vae)])

    @cached_property
    def _text_encoders(self) -> str:
        networks = self._base.networks()
        parts: list[object] = [self._base.family]
        for name, tokenizer in self._base.tokenizers().items():
            words = {"vocabulary": tokenizer.get_vocab(), "longest": int(tokenizer.model_max_length)}
            parts += [name, digest_of_tensors(networks[name].state_dict()), _settings(networks[name]), words]
        return digest_of_json(parts)

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents; each picture is encoded by itself."""
        rows = [self._encode_image(image[None]) for image in images]
        return torch.cat([mean for mean, _ in rows]), torch.cat([std for _, std in rows])

    def _encode_image(self, image: Tensor) -> tuple[Tensor, Tensor]:
        def make() -> dict[str, Tensor]:
            with self._offloaded.on_device():
                mean, std = self._base.encode_images(image)
            return {"mean": mean, "std": std}

        def key() -> dict[str, object]:
            pixels = digest_of_tensors({"pixels": image})
            return {"encoder": self._picture_encoder, "pixels": pixels, **self._circumstances}

        found = self._store.get("latents", key, make)
        return found["mean"].to(self._base.device), found["std"].to(self._base.device)

    def reads_whole(self, prompt: str) -> bool:
        """Return whether every text encoder reads all of a prompt at once."""
        return self._base.reads_whole(prompt)

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the encoded prompts, from memory or the store where their words were met before."""
        if not self._keeps_prompts:
            return self._base.encode_prompts(prompts)
        for prompt in prompts:
            if prompt not in self._prompts:
                self._prompts[prompt] = self._encode_prompt(prompt)
        return joined([self._prompts[prompt] for prompt in prompts])

    @torch.no_grad()
    def _encode_prompt(self, prompt: str) -> Conditioning:
        def make() -> dict[str, Tensor]:
            with self._offloaded.on_device():
                encoded = self._base.encode_prompts([prompt])
            return {"states": encoded.states} | ({} if encoded.pooled is None else {"pooled": encoded.pooled})

        def key() -> dict[str, object]:
            return {"encoders": self._text_encoders, "prompt": prompt, **self._circumstances}

        found = {name: value.to(self._base.device) for name, value in self._store.get("prompts", key, make).items()}
        return Conditioning(found["states"], found.get("pooled"))

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Num[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
    ) -> Float[Tensor, "batch c h w"]:
        """Return the network's prediction."""
        return self._base.predict(x_t, timesteps, conditioning, geometry)


def _settings(network: nn.Module) -> object:
    """Return a network's configuration as JSON; diffusers has a mapping, transformers an object."""
    config = cast(object, network.config)
    plain = config.to_dict() if isinstance(config, PreTrainedConfig) else dict(cast("Mapping[str, object]", config))
    without_place = {str(key): value for key, value in plain.items() if key != "_name_or_path"}
    return json.loads(json.dumps(without_place, default=str, sort_keys=True))

"""A ControlNet beside a base: a picture's structure is added to the denoiser, arXiv:2302.05543."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import ControlNetModel
from jaxtyping import Float, Num
from safetensors import SafetensorError
from torch import Tensor

from impasto.core.errors import ConfigError, ResourceError, first_line
from impasto.models.conditioning import Conditioning, Geometry
from impasto.models.forward_context import Residuals
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.loading import quiet_loading

FOLDER = "controlnet"
"""Where a base's folder has a ControlNet of its own, as pocket does."""


class Structure:
    """What a ControlNet adds for one condition: the hook of a drawing.

    Args:
        network: Frozen, on the base's device.
        condition: What it is shown, values from 0 to 1, of the size that is drawn.
        scale: Strength.
    """

    def __init__(
        self, network: ControlNetModel, condition: Float[Tensor, "channels height width"], scale: float
    ) -> None:
        self._network, self._scale = network, scale
        self._condition = condition.to(network.device, network.dtype)

    @torch.no_grad()
    def __call__(
        self,
        x_t: Float[Tensor, "rows c h w"],
        timesteps: Num[Tensor, " rows"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
    ) -> Residuals:
        """Return what is added to the denoiser, the same condition for every row."""
        added = None
        if conditioning.pooled is not None:
            ids = [each.time_ids() for each in geometry]
            time_ids = torch.tensor(ids, device=x_t.device, dtype=conditioning.states.dtype)
            added = {"text_embeds": conditioning.pooled, "time_ids": time_ids}
        down, mid = self._network(
            x_t.to(self._network.dtype),
            timesteps,
            conditioning.states,
            self._condition.expand(len(x_t), -1, -1, -1),
            self._scale,
            added_cond_kwargs=added,
            return_dict=False,
        )
        return Residuals(tuple(down), mid)


def open_controlnet(checkpoint: str, base: LatentDiffusion) -> ControlNetModel:
    """Return the ControlNet in a folder or on the hub, safetensors only, on the base's device.

    Raises:
        ResourceError: It is not there or damaged.
        ConfigError: It is for another base.
    """
    if not Path(checkpoint).is_dir() and checkpoint.count("/") != 1:
        raise ResourceError(f"ControlNet {checkpoint} is no folder: name the folder or hub name of a ControlNetModel")
    try:
        with quiet_loading():
            network: ControlNetModel = ControlNetModel.from_pretrained(
                checkpoint, dtype=base.dtype, use_safetensors=True
            )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ResourceError(
            f"ControlNet {checkpoint} could not be loaded ({first_line(error)}): name the folder or hub name of a "
            "ControlNetModel with .safetensors weights"
        ) from error
    for name in ("in_channels", "block_out_channels", "cross_attention_dim"):
        own, wanted = network.config[name], base.denoiser.config[name]
        if (tuple(own) if isinstance(own, list | tuple) else own) != (
            tuple(wanted) if isinstance(wanted, list | tuple) else wanted
        ):
            raise ConfigError(
                f"ControlNet {checkpoint} has {name} {own}, this base {wanted}: use one that was made for its family"
            )
    network.to(base.device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    return network.eval().requires_grad_(False)


def own_controlnet(base_folder: Path) -> Path | None:
    """Return the folder of the ControlNet that a base brings, or None."""
    folder = base_folder / FOLDER
    return folder if (folder / "config.json").is_file() else None
